"""The scene: `tiergate serve` and six providers that break, each in a process of its own."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import yaml

from tests.sdk.process import Served, serve

ROOT = Path(__file__).parents[2]
LIMITS = {"max_inflight": 256, "queue_timeout_s": 5}
TIMEOUTS = {"connect_s": 3, "first_token_s": 3, "idle_s": 3, "total_s": 10}


@contextmanager
def scene(folder: Path, *, share: float) -> Iterator[Served]:
    """Two tiers of three replicas; share: of the requests to each provider that meet each kind of fault."""
    with ExitStack() as stack:
        urls = [stack.enter_context(_provider(share)) for _ in range(6)]
        (folder / "soak.yaml").write_text(yaml.safe_dump(_config(urls)), encoding="utf-8")
        yield stack.enter_context(serve(folder, ["--config", "soak.yaml"]))


@contextmanager
def _provider(share: float) -> Iterator[str]:
    command = [sys.executable, "-m", "tests.faults", "--share", str(share)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            yield process.stdout.readline().strip().split(": ")[1]
        finally:
            process.terminate()


def _config(urls: list[str]) -> dict[str, object]:
    tiers = {
        name: {
            "engine": "vllm", "model": "m", "context": 4096, "price": {"input": 1, "output": 2}, "limits": LIMITS,
            "timeouts": TIMEOUTS, "replicas": [{"url": url} for url in pair],
        }
        for name, pair in (("short", urls[:3]), ("long", urls[3:]))
    }  # fmt: skip
    # Twelve kinds of fault: far more retries than in a fleet that is well.
    fallback = {"attempts": 6, "retry_budget": {"share": 1.0}}
    policy = {"rules": [{"name": "all", "use": ["short", "long"]}], "cache": {"exact": False}, "fallback": fallback}
    return {"version": 1, "tiers": tiers, "models": {"auto": {"policy": "default"}}, "policies": {"default": policy}}
