"""Every transcript passes through HttpEngine unchanged, however it is cut on the way."""

from pathlib import Path

import orjson
import pytest

from tests.faults.server import provider
from tiers.engines.registry import DIALECTS
from tiers.openai_http import HttpEngine, HttpSession
from tiers.replies import hidden_failure
from tiers.types import Call, ReplicaSpec, TierSpec

WIRE = Path(__file__).parent
STREAMS = sorted(WIRE.glob("*/*.sse"))
CALL = Call("/v1/chat/completions", {"messages": []}, True, "r1")


def name(path):
    return str(path.relative_to(WIRE))


@pytest.mark.parametrize("size", [1, 7, 64, 100_000])
@pytest.mark.parametrize("path", STREAMS, ids=name)
async def test_a_transcript_arrives_as_it_was_sent(path, size):
    """Byte for byte, in pieces of any size."""
    sent = path.read_bytes()

    async def replay(x):
        await x.begin()
        for at in range(0, len(sent), size):
            await x.send(sent[at : at + size])
        await x.end()

    session = HttpSession()
    await session.open()
    async with provider(replay) as p:
        replica = ReplicaSpec(url=p.url, name="a")
        engine = HttpEngine(TierSpec("t", "vllm", "m"), replica, session, DIALECTS["vllm"])
        got = b"".join([chunk async for chunk in await engine.stream(CALL)])
    await session.close()
    assert got == sent


@pytest.mark.parametrize("path", STREAMS, ids=name)
def test_events_are_json_and_end_in_done(path):
    """A transcript that was cut by mistake would prove nothing."""
    events = path.read_bytes().decode().split("\n\n")
    assert events[-2:] == ["data: [DONE]", ""]
    for event in events[:-2]:
        assert isinstance(orjson.loads(event.removeprefix("data: ")), dict)


@pytest.mark.parametrize("path", STREAMS, ids=name)
def test_only_the_error_transcripts_hold_an_error(path):
    """`hidden_failure` finds the error event and takes nothing else for one."""
    events = path.read_bytes().split(b"\n\n")[:-2]
    found = [hidden_failure(event.removeprefix(b"data: "), dialect=DIALECTS["vllm"]) for event in events]
    assert any(found) is path.name.startswith("error")
