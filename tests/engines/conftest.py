"""A real vLLM on the CPU, shared by all tests of a session."""

import contextlib
import os
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PYTHON = ROOT / ".venv-vllm/bin/python"
READY_S = 300


@dataclass(frozen=True)
class VllmServer:
    """url: ends in /v1. model: the name to ask for. context: tokens of prompt and answer."""

    url: str
    model: str = "toy"
    context: int = 512


@pytest.fixture(scope="session")
def vllm_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[VllmServer]:
    """Ready in about a minute; its whole process group is ended with the session."""
    with vllm_of_ones_own(tmp_path_factory.mktemp("vllm")) as (server, _):
        yield server


@contextlib.contextmanager
def vllm_of_ones_own(directory: Path, *, at_once: int = 16) -> Iterator[tuple[VllmServer, subprocess.Popen[bytes]]]:
    """A server that its user may kill. at_once: sequences that it decodes together."""
    if not PYTHON.exists():
        pytest.skip("no vLLM here: run tests/engines/setup_vllm.sh")
    subprocess.run([PYTHON, ROOT / "tests/engines/toy_model.py", directory / "model"], check=True, capture_output=True)
    server = VllmServer(f"http://127.0.0.1:{_free_port()}/v1")
    log = directory / "log.txt"
    with log.open("wb") as out:
        process = _start(server, directory, out, at_once)
    try:
        _wait_until_ready(server, process, log)
        yield server, process
    finally:
        _end(process)


def _start(server: VllmServer, directory: Path, out: object, at_once: int) -> subprocess.Popen[bytes]:
    command = [PYTHON, "-m", "vllm.entrypoints.openai.api_server", "--model", directory / "model"]
    command += ["--served-model-name", server.model, "--host", "127.0.0.1", "--port", server.url.split(":")[2][:-3]]
    command += ["--enforce-eager", "--max-num-seqs", str(at_once), "--max-num-queued-reqs", "32"]
    command += ["--enable-prompt-tokens-details"]
    settings = {"HF_HUB_OFFLINE": "1", "VLLM_CPU_KVCACHE_SPACE": "1", "VLLM_NO_USAGE_STATS": "1"}
    return subprocess.Popen(
        command, cwd=directory, env=os.environ | settings, stdout=out, stderr=out, start_new_session=True
    )


def _wait_until_ready(server: VllmServer, process: subprocess.Popen[bytes], log: Path) -> None:
    end = time.monotonic() + READY_S
    while time.monotonic() < end and process.poll() is None:
        if _healthy(server):
            return
        time.sleep(0.3)  # the process tells nobody when it is ready
    pytest.fail(f"vLLM did not start:\n{log.read_text()[-3000:]}")


def _healthy(server: VllmServer) -> bool:
    try:
        with urllib.request.urlopen(server.url.removesuffix("/v1") + "/health", timeout=5) as reply:
            return bool(reply.status == 200)
    except (urllib.error.URLError, OSError):
        return False


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(timeout=20)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)  # its workers share its group
    process.wait()


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])
