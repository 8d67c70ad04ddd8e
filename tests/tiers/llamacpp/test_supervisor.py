"""The supervisor: a worker that dies is started again, with patience and with reasons."""

import asyncio
import os
import shutil
import signal
from pathlib import Path

import pytest

from tiers.errors import EngineFailed
from tiers.llamacpp.options import EngineOptions
from tiers.llamacpp.supervisor import Supervisor


class Pauses:
    """Stands in for sleeping: notes how long, what was said to callers meanwhile, and mends the file at last."""

    def __init__(self, path: Path, spare: Path, *, mended_after: int) -> None:
        self.path, self.spare, self.mended_after = path, spare, mended_after
        self.supervisor: Supervisor | None = None
        self.seconds: list[float] = []
        self.said: list[str] = []

    async def __call__(self, seconds: float) -> None:
        self.seconds.append(seconds)
        with pytest.raises(EngineFailed) as refused:
            _ = self.supervisor.worker
        self.said.append(refused.value.message)
        if len(self.seconds) == self.mended_after:
            shutil.copy(self.spare, self.path)


async def test_restarts_are_further_and_further_apart_until_one_lives(tiny_gguf, tmp_path):
    """Pauses double while the model cannot be loaded; callers hear at once what is wrong; then it serves."""
    path = tmp_path / "model.gguf"
    shutil.copy(tiny_gguf, path)
    pauses = Pauses(path, tiny_gguf, mended_after=3)
    died = asyncio.Event()
    options = EngineOptions(model_path=str(path), context=256, threads=1, kv_tokens=256)
    supervisor = pauses.supervisor = Supervisor(
        options, on_message=lambda _: None, on_death=lambda _: died.set(), clock=lambda: 0.0, sleep=pauses
    )
    await supervisor.start()
    path.unlink()
    first = supervisor.worker.pid
    os.kill(first, signal.SIGKILL)
    await died.wait()
    await supervisor.ready()
    assert supervisor.worker.pid != first
    assert pauses.seconds == [0.1, 0.2, 0.4]
    assert "signal 9" in pauses.said[0]
    assert all("model.gguf" in said for said in pauses.said[1:])
    await supervisor.stop()
    with pytest.raises(EngineFailed):
        _ = supervisor.worker
