"""Streams through the gateway, over real sockets: every way in which engines send them and callers take them."""

import asyncio
import json
from contextlib import suppress

import aiohttp
import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from router.streaming import Incoming
from tests.faults.exchange import Exchange
from tests.faults.fleet import Fleet, fleet
from tests.faults.modes import DONE
from tests.faults.speech import WORDS, Speech, event
from tests.fuzz.streams import Given, pieces
from tests.router.gateway import CHAT, chat

ASKED = {"stream": True, "stream_options": {"include_usage": True}}
SAID = "".join(WORDS)


def bent(change):
    """A mode: the usual events, each changed."""

    async def mode(x: Exchange) -> None:
        chunks = [json.loads(one.removeprefix(b"data: ")) for one in x.speech.events()]
        await x.begin()
        for one in change(chunks):
            await x.send(event(one))
        await x.send(DONE)
        await x.end()

    return mode


def with_choices(chunks):
    """The usage in the last chunk that has choices, as Groq and others send it."""
    return [*chunks[:-2], {**chunks[-2], "usage": chunks[-1]["usage"]}]


def cumulative(chunks):
    """A growing usage in every chunk, and none of its own."""
    full = chunks[-1]["usage"]
    return [
        {**one, "usage": {**full, "completion_tokens": min(n, 8), "total_tokens": 5 + min(n, 8)}}
        for n, one in enumerate(chunks[:-1])
    ]


def halves(chunks):
    """The prompt's count at the beginning, the answer's at the end."""
    first = {**chunks[0], "usage": {"prompt_tokens": 5}}
    return [first, *chunks[1:-1], {**chunks[-1], "usage": {"completion_tokens": 8, "total_tokens": 13}}]


def end_with_words(chunks):
    """The finish reason comes with the last word."""
    last = chunks[-3]
    last["choices"][0]["finish_reason"] = "stop"
    return [*chunks[:-3], last, chunks[-1]]


@pytest.mark.parametrize("change", [with_choices, cumulative, halves, end_with_words], ids=lambda one: one.__name__)
async def test_usage_is_read_wherever_it_comes(tmp_path, change):
    """The caller gets it once, in a chunk of its own at the end; the ledger has the same."""
    async with fleet(tmp_path, [bent(change)]) as made:
        reply = await made.ask(**ASKED)
        assert reply.text == SAID and reply.events[-1] == b"[DONE]"
        last = reply.chunks[-1]
        assert last["choices"] == []
        assert (last["usage"]["prompt_tokens"], last["usage"]["completion_tokens"]) == (5, 8)
        row = await made.row()
        assert (row["input_tokens"], row["output_tokens"], row["estimated"]) == (5, 8, 0)


async def test_an_answer_without_usage_is_counted_and_marked(tmp_path):
    """Nothing is free because an engine does not count."""
    async with fleet(tmp_path, [bent(lambda chunks: chunks[:-1])]) as made:
        reply = await made.ask(**ASKED)
        assert reply.chunks[-1]["usage"]["completion_tokens"] >= 8
        row = await made.row()
        assert row["estimated"] == 1 and row["output_tokens"] >= 8 and row["cost_nusd"] > 0


async def test_a_piece_that_breaks_in_its_middle_is_sent_up_to_there(tmp_path):
    """Events that came in one packet with a broken one are not lost, or the next engine would leave a gap."""

    async def one_packet(x: Exchange) -> None:
        await x.begin()
        await x.send(b"".join(x.speech.events()[:6]) + b"data: {broken\n\n")
        await x.end()

    async with fleet(tmp_path, [one_packet]) as made:
        assert (await made.ask(stream=True)).text == SAID
        assert made.long[0].requests[0]["messages"][-1]["content"] == "".join(WORDS[:5])


async def test_keep_alive_comments_pass(tmp_path):
    """A long prefill keeps the caller's connection alive as well."""
    async with fleet(tmp_path, ["keep-alive"]) as made:
        reply = await made.ask(stream=True)
        assert reply.body.startswith(b": keep-alive\n\n") and reply.text == SAID


async def test_connections_are_used_again_on_both_sides(tmp_path):
    """One connection to the engine and one from the caller carry many answers, streamed and not."""
    async with fleet(tmp_path, ["ok"]) as made:
        before, made_new = made.short[0].connections, []
        tracing = aiohttp.TraceConfig()

        async def noted(*_: object) -> None:
            made_new.append(1)

        tracing.on_connection_create_end.append(noted)
        async with aiohttp.ClientSession(trace_configs=[tracing]) as client:
            for number in range(6):
                body = chat("Count.", stream=number % 2 == 0)
                async with client.post(made.running.url + CHAT, json=body) as reply:
                    assert reply.version == aiohttp.HttpVersion11
                    await reply.read()
        assert len(made_new) == 1
        assert made.short[0].connections - before <= 1


async def test_a_caller_that_leaves_before_the_first_token(tmp_path):
    """The silent engine is let go, no other is asked, and the ledger says 499."""
    async with fleet(tmp_path, ["slow-first-token"], ["ok"]) as made:
        with suppress(TimeoutError):
            await made.running.client.post(
                made.running.url + CHAT, json=chat("Count.", stream=True), timeout=aiohttp.ClientTimeout(total=0.2)
            )
        async with asyncio.timeout(5):
            await made.short[0].left.wait()
            await _status(made, 499)
        assert made.long[0].attempts == 0


async def test_a_slow_reader_slows_the_engine(tmp_path):
    """What a caller does not read is not asked for: the engine comes to a stop once the sockets are full."""
    sent = 0

    async def endless(x: Exchange) -> None:
        nonlocal sent
        word = event({**json.loads(x.speech.events()[1][6:]), "pad": "x" * 4000})
        await x.begin()
        while True:
            await x.send(word)
            sent += len(word)

    async with fleet(tmp_path, [endless], fallback="{attempts: 1}") as made:
        async with made.running.client.post(made.running.url + CHAT, json=chat("Count.", stream=True)) as reply:
            await reply.content.readany()
            async with asyncio.timeout(20):
                before = -1
                while sent != before:
                    before = sent
                    await asyncio.sleep(0.3)
            assert sent < 64 << 20, "the sockets' buffers, and no more"
            reply.close()
        async with asyncio.timeout(5):
            await made.short[0].left.wait()


async def _status(made: Fleet, status: int) -> None:
    while (await made.row())["status"] != status:
        await asyncio.sleep(0.01)


@given(st.lists(st.integers(0, 3000), max_size=12), st.booleans())
def test_the_cuts_of_the_network_change_nothing(cuts, plain):
    """However the engine's bytes are cut, the same bytes are sent on."""
    whole = [*Speech({"max_tokens": 5}).events(), DONE]
    relayed = asyncio.run(_relayed(pieces(whole, cuts), plain=plain))
    assert relayed == asyncio.run(_relayed([b"".join(whole)], plain=plain))
    if not plain:
        assert relayed == b"".join(whole[:-2])
    assert [orjson.loads(one[6:]) for one in relayed.split(b"\n\n") if one]


async def _relayed(parts: list[bytes], *, plain: bool) -> bytes:
    incoming = Incoming(Given(parts), choices=1, plain=plain)
    await incoming.hold(2)
    return b"".join([piece async for piece in incoming.relay()])
