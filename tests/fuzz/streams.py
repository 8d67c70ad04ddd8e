"""An engine's stream under fuzz: right events, bent in bytes and in shape, cut anywhere."""

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from itertools import pairwise
from typing import Any

from hypothesis import strategies as st

from router.continuation import answered_anew, written_on
from router.streaming import Incoming
from router.wire.assemble import Assembler
from tests.faults.speech import Speech
from tests.fuzz.bodies import JSON
from tiers.errors import TierError

_DELTA = st.fixed_dictionaries({}, optional={"content": JSON, "tool_calls": JSON, "role": JSON})
_LOGPROBS = st.fixed_dictionaries({}, optional={"content": JSON, "token_logprobs": JSON})
_USAGE = st.fixed_dictionaries({}, optional={"prompt_tokens": JSON, "completion_tokens": JSON})
_CHOICE = st.fixed_dictionaries(
    {},
    optional={
        "index": st.integers(0, 2) | JSON,
        "delta": _DELTA | JSON,
        "text": JSON,
        "logprobs": _LOGPROBS | JSON,
        "finish_reason": st.sampled_from(["stop", "length"]) | JSON,
    },
)
_CHOICES = st.lists(_CHOICE | JSON, max_size=3)
_CHUNK = st.fixed_dictionaries(
    {}, optional={"id": JSON, "model": JSON, "usage": _USAGE | JSON, "error": JSON, "choices": _CHOICES | JSON}
)
_RIGHT = [*Speech({"max_tokens": 4}).events(), b"data: [DONE]\n\n", b": keep-alive\n\n"]
_EVENT = (
    st.sampled_from(_RIGHT)
    | _CHUNK.map(lambda chunk: b"data: " + json.dumps(chunk).encode() + b"\n\n")
    | st.binary(max_size=30)
)
STREAMS = st.lists(_EVENT, max_size=8)
CUTS = st.lists(st.integers(0, 400), max_size=8)


def pieces(events: Sequence[bytes], cuts: Sequence[int]) -> list[bytes]:
    whole = b"".join(events)
    places = sorted({0, *(min(cut, len(whole)) for cut in cuts), len(whole)})
    return [whole[start:end] for start, end in pairwise(places)]


class Given:
    """A stream of given pieces."""

    model = "m"

    def __init__(self, parts: Sequence[bytes]) -> None:
        self._parts = iter(parts)

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        part = next(self._parts, None)
        if part is None:
            raise StopAsyncIteration
        return part

    async def aclose(self) -> None:
        self._parts = iter(())


def read(parts: Sequence[bytes], *, plain: bool, join: str = "") -> Any:
    """What is relayed, or the TierError; any other error is a defect. join: the way that an answer is gone on with."""
    incoming = Incoming(Given(parts), choices=1, plain=plain)
    if join:
        sent = Assembler()
        sent.feed({"id": "a", "model": "a", "choices": [{"index": 0, "delta": {"role": "assistant", "content": "1 "}}]})
        body: dict[str, Any] = {"messages": [{"role": "user", "content": "?"}]}
        on = written_on("/v1/chat/completions", body, sent, frozenset({"text"}))
        way = answered_anew(body, sent) if join == "anew" or on is None else on
        incoming.follow(way.join, choices=1)
    return asyncio.run(_relayed(incoming))


async def _relayed(incoming: Incoming) -> Any:
    got = []
    try:
        await incoming.hold(1)
        async for piece in incoming.relay():
            got.append(piece)  # noqa: PERF401 - an error ends it
    except TierError as error:
        return error
    assert incoming.answer.complete, "a stream that came to its end is whole"
    incoming.usage()
    return b"".join(got)
