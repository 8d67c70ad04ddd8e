"""Whoever stops reading stops the work upstream: the provider sees the connection close."""

import asyncio

import pytest

from tests.faults.server import provider
from tests.tiers.conftest import chat

SOON_S = 5.0


async def seen_leaving(p):
    await asyncio.wait_for(p.left.wait(), SOON_S)
    assert p.disconnects == 1


async def test_cancelling_a_whole_call_closes_its_connection(engine):
    """The caller left while the answer was being made."""
    async with provider("silent") as p:
        task = asyncio.create_task(engine(p).complete(chat()))
        await p.came.wait()
        task.cancel()
        await seen_leaving(p)
        with pytest.raises(asyncio.CancelledError):
            await task


async def test_cancelling_before_the_first_token_closes_the_connection(engine):
    """The caller left before the response began."""
    async with provider("silent") as p:
        task = asyncio.create_task(engine(p).stream(chat(stream=True)))
        await p.came.wait()
        task.cancel()
        await seen_leaving(p)


async def test_closing_a_stream_half_read_closes_the_connection(engine):
    """The caller left in mid-stream; closing again and reading on are harmless."""
    async with provider("stall") as p:
        stream = await engine(p).stream(chat(stream=True))
        assert (await anext(aiter(stream))).startswith(b"data:")
        await stream.aclose()
        await seen_leaving(p)
        await stream.aclose()
        assert [chunk async for chunk in stream] == []


async def test_cancelling_the_reader_closes_the_connection(engine):
    """The task that awaits the next piece is cancelled; nobody needs to call aclose."""
    async with provider("stall") as p:
        stream = await engine(p).stream(chat(stream=True))

        async def read_all():
            async for _ in stream:
                pass

        task = asyncio.create_task(read_all())
        await p.came.wait()
        await asyncio.sleep(0)
        task.cancel()
        await seen_leaving(p)


async def test_a_limit_that_passes_closes_the_connection(engine):
    """A stalled answer is given up upstream too."""
    async with provider("stall") as p:
        stream = await engine(p, idle_s=0.1).stream(chat(stream=True))
        with pytest.raises(Exception, match="nothing more came"):
            _ = [chunk async for chunk in stream]
        await seen_leaving(p)


async def test_a_finished_answer_leaves_its_connection_for_the_next(engine):
    """Connections are reused: the provider sees nobody leave and one client port."""
    async with provider("ok") as p:
        made = engine(p)
        for _ in range(3):
            await made.complete(chat())
            stream = await made.stream(chat(stream=True))
            assert b"".join([chunk async for chunk in stream]).endswith(b"[DONE]\n\n")
        assert (p.attempts, p.connections, p.disconnects) == (6, 1, 0)


async def test_a_slow_reader_slows_the_engine(engine):
    """Nothing is piled up: an unread stream stops the provider's writing."""
    async with provider("flood") as p:
        stream = await engine(p).stream(chat(stream=True))
        await p.came.wait()
        await p.blocked.wait()
        await stream.aclose()
        await seen_leaving(p)
