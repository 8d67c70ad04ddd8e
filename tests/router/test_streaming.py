"""Reading an engine's stream: what is counted, and who may end it."""

from collections.abc import AsyncIterator, Iterable

import pytest

from router.errors import ApiError
from router.streaming import Incoming
from tests.faults.speech import Speech


class Pieces:
    """A stream of given pieces."""

    model = "m"

    def __init__(self, pieces: Iterable[bytes]) -> None:
        self._pieces = iter(pieces)

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        piece = next(self._pieces, None)
        if piece is None:
            raise StopAsyncIteration
        return piece

    async def aclose(self) -> None:
        self._pieces = iter(())


async def test_growth_is_told_after_each_event_with_output():
    """The role, the end and the usage are no output; each token is told once, held back or not."""
    seen: list[int] = []
    incoming = Incoming(Pieces(Speech().events()), choices=1, plain=False, grew=seen.append)
    await incoming.hold(3)
    await relayed(incoming, [])
    assert seen == list(range(1, 9))


async def test_who_is_told_may_end_the_stream():
    """An ApiError passes through; the event that it was raised for is not forwarded."""

    def spent(tokens: int) -> None:
        if tokens > 2:
            raise ApiError(429, "The budget is spent.", code="insufficient_quota")

    incoming = Incoming(Pieces(Speech().events()), choices=1, plain=False, grew=spent)
    sent: list[bytes] = []
    with pytest.raises(ApiError, match="budget"):
        await relayed(incoming, sent)
    assert b"".join(sent).count(b'"content": " ') == 1


async def relayed(incoming: Incoming, sent: list[bytes]) -> None:
    async for piece in incoming.relay():
        sent.append(piece)  # noqa: PERF401 - what came before an error is wanted too
