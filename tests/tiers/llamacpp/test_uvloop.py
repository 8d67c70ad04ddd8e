"""The embedded engine on uvloop, the event loop that the gateway runs on."""

import asyncio
import os
import signal
from pathlib import Path

import pytest
import uvloop

from tiers.errors import TierError
from tiers.llamacpp import EmbeddedEngine
from tiers.types import Call, TierSpec

ASKED = Call("/v1/completions", {"prompt": "abc", "max_tokens": 4, "temperature": 0}, stream=False, request_id="r")


async def scenario(gguf: Path) -> None:
    spec = TierSpec(name="edge", engine="llama.cpp", model=str(gguf), context=256, options={"threads": 1})
    engine = EmbeddedEngine(spec)
    await engine.open()
    before = await engine.complete(ASKED)
    os.kill(engine.pid, signal.SIGKILL)
    answers = await asyncio.gather(*(engine.complete(ASKED) for _ in range(3)), return_exceptions=True)
    assert all(isinstance(answer, TierError) for answer in answers)
    await engine.ready()
    after = await engine.complete(ASKED)
    assert after.body.split(b"choices")[1] == before.body.split(b"choices")[1]
    await engine.close()
    with pytest.raises(TierError):
        await engine.complete(ASKED)


def test_the_engine_serves_dies_and_serves_again_on_uvloop(tiny_gguf):
    """Processes, sockets and their ends behave on uvloop as on asyncio's own loop."""
    uvloop.run(scenario(tiny_gguf))
