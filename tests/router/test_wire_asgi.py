"""Sending over ASGI leaves nothing behind, wherever the caller goes away."""

import asyncio
from contextlib import aclosing

import pytest

from router.api.wire import send_events


@pytest.mark.parametrize("gone_after", [0, 1, 2, 3])
async def test_a_stream_is_cleaned_up_wherever_sending_stops(gone_after):
    """Also when the caller left before the first byte went out."""
    cleaned = asyncio.Event()
    sent = []

    async def events():
        try:
            for piece in (b"one", b"two", b"three"):
                yield piece
        finally:
            cleaned.set()

    async def send(message):
        if len(sent) == gone_after:
            raise asyncio.CancelledError
        sent.append(message)

    with pytest.raises(asyncio.CancelledError):
        async with aclosing(events()) as pieces:
            await send_events(send, {}, pieces)
    assert cleaned.is_set()


async def test_pieces_go_out_in_order_and_one_by_one():
    """Start, every piece, end; empty pieces are left out."""
    sent = []

    async def events():
        for piece in (b"one", b"", b"two"):
            yield piece

    async def send(message):
        sent.append(message.get("body"))

    await send_events(send, {"x": "y"}, events())
    assert sent == [None, b"one", b"two", b""]
