"""What is measured: Tiergate, the gateways that a user would take instead, and nothing at all."""

import os
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.gateway.config import LITELLM, NGINX, TIERGATE
from tests.sdk.process import run

ROOT = Path(__file__).parents[2]
PEERS = ROOT / "var" / "peers"
GATEWAY_CORE, LOAD_CORE = "0", "1"
_READY_S = 90.0


@dataclass(frozen=True, slots=True)
class Subject:
    """One gateway under test. headers: what a request to it must bring. pid: None where nothing runs."""

    name: str
    url: str
    headers: Mapping[str, str] = field(default_factory=dict)
    pid: int | None = None

    @property
    def memory_mb(self) -> float:
        """Resident memory of the process, in 10^6 bytes."""
        pages = int(Path(f"/proc/{self.pid}/statm").read_text(encoding="ascii").split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE") / 1e6

    @property
    def cpu_s(self) -> float:
        """Seconds of processor time that the process has taken, all its threads together."""
        fields = Path(f"/proc/{self.pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@contextmanager
def canned(folder: Path, port: int) -> Iterator[str]:
    """nginx that answers every request with the same completion."""
    with _nginx(folder, NGINX.canned(folder, port), "canned", core=LOAD_CORE):
        yield f"http://127.0.0.1:{port}"


@contextmanager
def nginx(folder: Path, upstream: str, port: int) -> Iterator[Subject]:
    with _nginx(folder, NGINX.proxy(folder, port, upstream), "proxy", core=GATEWAY_CORE):
        yield Subject(
            "nginx as proxy", f"http://127.0.0.1:{port}"
        )  # its worker is another process than the one started


@contextmanager
def streaming(core: str = LOAD_CORE) -> Iterator[str]:
    """The upstream that streams, in Python."""
    command = ["taskset", "-c", core, sys.executable, "-m", "benchmarks.gateway.upstream"]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=ROOT)
    assert process.stdout is not None
    try:
        yield f"http://127.0.0.1:{int(process.stdout.readline())}"
    finally:
        process.communicate()


@contextmanager
def bare(upstream: str, port: int) -> Iterator[Subject]:
    command = [sys.executable, "-m", "benchmarks.gateway.bare", upstream, str(port)]
    with _process(command, f"http://127.0.0.1:{port}/") as process:
        yield Subject("bare ASGI pass-through", f"http://127.0.0.1:{port}", pid=process.pid)


@contextmanager
def tiergate(
    folder: Path, upstream: str, port: int, *, core: str = GATEWAY_CORE, name: str = "Tiergate"
) -> Iterator[Subject]:
    """With everything on: keys, classifier, rules, a cache look-up that misses, ledger, metrics, access log."""
    place = folder / f"tiergate-{port}"
    place.mkdir()
    (place / "bench.yaml").write_text(TIERGATE.format(url=upstream), encoding="utf-8")
    made = run("keys", "create", "--team", "bench", "--config", "bench.yaml", folder=place)
    key = made.stdout.split()[0]
    serve = [sys.executable, "-c", "from router.cli.main import main; main()", "serve"]
    command = [*serve, "--port", str(port), "--config", "bench.yaml"]
    environment = {"PYTHONPATH": str(ROOT)}
    with _process(command, f"http://127.0.0.1:{port}/health/ready", place, environment, core=core) as process:
        yield Subject(name, f"http://127.0.0.1:{port}", {"authorization": f"Bearer {key}"}, process.pid)


@contextmanager
def portkey(upstream: str, port: int) -> Iterator[Subject]:
    start = PEERS / "node_modules" / "@portkey-ai" / "gateway" / "build" / "start-server.js"
    headers = {"x-portkey-provider": "openai", "x-portkey-custom-host": f"{upstream}/v1", "authorization": "Bearer x"}
    command = ["node", str(start), f"--port={port}", "--headless"]
    with _process(command, f"http://127.0.0.1:{port}/") as process:
        yield Subject("Portkey gateway", f"http://127.0.0.1:{port}", headers, process.pid)


@contextmanager
def litellm(folder: Path, upstream: str, port: int) -> Iterator[Subject]:
    (folder / "litellm.yaml").write_text(LITELLM.format(url=upstream), encoding="utf-8")
    command = [str(PEERS / "venv/bin/litellm"), "--config", "litellm.yaml", "--port", str(port), "--num_workers", "1"]
    environment = {"LITELLM_LOCAL_MODEL_COST_MAP": "True", "LITELLM_LOG": "ERROR"}
    with _process(command, f"http://127.0.0.1:{port}/health/liveliness", folder, environment) as process:
        headers = {"authorization": "Bearer sk-bench"}
        yield Subject("LiteLLM proxy, one worker", f"http://127.0.0.1:{port}", headers, process.pid)


@contextmanager
def sglang_router(upstream: str, port: int, metrics_port: int) -> Iterator[Subject]:
    command = [
        str(PEERS / "venv/bin/python"), "-m", "sglang_router.launch_router", "--worker-urls", upstream,
        "--policy", "round_robin", "--host", "127.0.0.1", "--port", str(port), "--prometheus-port", str(metrics_port),
    ]  # fmt: skip
    with _process(command, f"http://127.0.0.1:{port}/health") as process:
        yield Subject("sglang-router", f"http://127.0.0.1:{port}", pid=process.pid)


@contextmanager
def _nginx(folder: Path, config: str, name: str, *, core: str) -> Iterator[subprocess.Popen[bytes]]:
    file = folder / f"nginx-{name}.conf"
    file.write_text(config, encoding="utf-8")
    process = subprocess.Popen(["taskset", "-c", core, "nginx", "-c", str(file), "-p", str(folder)])
    try:
        time.sleep(1.0)
        yield process
    finally:
        process.terminate()
        process.wait(timeout=30)


@contextmanager
def _process(
    command: Sequence[str],
    ready: str,
    folder: Path | None = None,
    environment: Mapping[str, str] | None = None,
    *,
    core: str = GATEWAY_CORE,
) -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen(
        ["taskset", "-c", core, *command], cwd=folder or ROOT, env={**os.environ, **(environment or {})},
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        _wait(process, ready)
        yield process
    finally:
        process.terminate()
        process.wait(timeout=60)


def _wait(process: subprocess.Popen[bytes], url: str) -> None:
    """Until something answers there. Raises RuntimeError where the process ends before, or never answers."""
    until = time.monotonic() + _READY_S
    while time.monotonic() < until:
        if process.poll() is not None:
            raise RuntimeError(f"{process.args!r} ended with {process.returncode}")
        try:
            urllib.request.urlopen(url, timeout=2).close()
        except urllib.error.HTTPError:
            return
        except OSError:
            time.sleep(0.2)
        else:
            return
    raise RuntimeError(f"{url} did not answer within {_READY_S:g} s")
