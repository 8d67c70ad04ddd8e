"""`tiergate serve` as a user runs it: a process of its own, real models in real engines."""

import os
import re
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
COMMAND = (sys.executable, "-c", "from router.cli.main import main; main()")


@dataclass(frozen=True, slots=True)
class Served:
    """url: without `/v1`. folder: its working directory. process: the gateway's."""

    url: str
    folder: Path
    process: subprocess.Popen[bytes]


def run(*arguments: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """One `tiergate` command, to its end."""
    return subprocess.run(
        [*COMMAND, *arguments],
        cwd=folder,
        env=_environment(),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


@contextmanager
def serve(folder: Path, arguments: Sequence[str] = ()) -> Iterator[Served]:
    """Start, wait until it is ready, stop by SIGTERM; its log is left in `gateway.log`."""
    with (folder / "gateway.log").open("wb") as log:
        process = subprocess.Popen(
            [*COMMAND, "serve", "--port", "0", *arguments], cwd=folder, env=_environment(),
            stdout=subprocess.PIPE, stderr=log,
        )  # fmt: skip
        try:
            yield Served(_listening(process, folder), folder, process)
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(timeout=60)
            assert process.stdout is not None
            process.stdout.close()


def _listening(process: subprocess.Popen[bytes], folder: Path) -> str:
    assert process.stdout is not None
    for line in process.stdout:
        found = re.search(rb"listens on (http://\S+)", line)
        if found:
            url = found[1].decode()
            with urllib.request.urlopen(url + "/health/ready", timeout=60) as reply:
                assert reply.status == 200
            return url
    process.wait()
    raise RuntimeError("the gateway did not start: " + (folder / "gateway.log").read_text())


def _environment() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(ROOT), "NO_COLOR": "1"}
