"""HttpEngine against a provider that breaks in every way it knows."""

import asyncio
import socket

import orjson
import pytest
from aiohttp import web

from tests.faults.modes import DONE, MODES
from tests.faults.server import provider
from tests.faults.speech import Speech
from tests.tiers.conftest import KEY, chat
from tiers.engines.registry import DIALECTS
from tiers.errors import (
    Broken,
    ContextTooLong,
    EngineFailed,
    Misconfigured,
    Overloaded,
    TierError,
    TimedOut,
    Unreachable,
)
from tiers.openai_http import HttpEngine
from tiers.types import ReplicaSpec, TierSpec

# What each mode is to a whole and to a streamed call; None is an answer. A stream that is broken in its
# events and not in its transport is an answer here: its reader judges it.
OUTCOMES: dict[str, tuple[type[TierError] | None, type[TierError] | None]] = {
    "ok": (None, None),
    "401": (Misconfigured, Misconfigured),
    "404": (Misconfigured, Misconfigured),
    "429": (Overloaded, Overloaded),
    "429-retry-after": (Overloaded, Overloaded),
    "500": (EngineFailed, EngineFailed),
    "500-once": (EngineFailed, EngineFailed),
    "503": (Overloaded, Overloaded),
    "reset-before-headers": (Unreachable, Unreachable),
    "silent": (TimedOut, TimedOut),
    "slow-first-token": (TimedOut, TimedOut),
    "cut": (Broken, Broken),
    "cut-reset": (Broken, Broken),
    "stall": (TimedOut, TimedOut),
    "cut-once": (Broken, Broken),
    "cut-before-end": (Broken, Broken),
    "cut-after-end": (None, Broken),
    "slow": (None, None),
    "keep-alive": (None, None),
    "byte-by-byte": (None, None),
    "closes": (None, None),
    "content-filter": (None, None),
    "refuses-prefill": (None, None),
    "begins-again": (None, None),
    "other-words": (None, None),
    "malformed-event": (Broken, None),
    "no-done": (None, None),
    "error-in-stream": (EngineFailed, None),
    "200-error-body": (EngineFailed, EngineFailed),
    "html": (EngineFailed, EngineFailed),
    "html-200": (EngineFailed, EngineFailed),
    "gzip": (None, None),
    "wrong-content-type": (None, EngineFailed),
    "short-body": (Broken, Broken),
    "long-body": (Broken, Broken),
    "empty": (Broken, Broken),
    "context-too-long": (ContextTooLong, ContextTooLong),
    "flood": (Broken, TimedOut),
    "redirect": (Misconfigured, Misconfigured),
}
QUICK = {"first_token_s": 0.15, "idle_s": 0.15, "total_s": 0.3}


async def read(engine, call):
    """The bytes of an answer, or the TierError."""
    try:
        if not call.stream:
            return (await engine.complete(call)).body
        return b"".join([chunk async for chunk in await engine.stream(call)])
    except TierError as error:
        return error


def test_every_mode_has_an_outcome():
    """A new way to break needs a line in the table above."""
    assert set(OUTCOMES) == set(MODES)


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize("mode", MODES)
async def test_each_way_to_break_is_the_right_error(engine, mode, stream):
    """Outcome by mode; one attempt each time; no message shows a key, an address or a web page."""
    expected = OUTCOMES[mode][stream]
    async with provider(mode) as p:
        limits = QUICK if expected is TimedOut else {}
        got = await read(engine(p, **limits), chat(stream=stream))
        assert p.attempts == 1
    if expected is None:
        assert isinstance(got, bytes)
        return
    assert type(got) is expected
    shown = f"{got.message} {got.error}"
    assert not any(secret in shown for secret in (KEY, "127.0.0.1", "10.0.0.9", "<"))


async def test_a_stream_is_passed_on_byte_for_byte(engine):
    """What the engine sent arrives unchanged, whatever the pieces."""
    async with provider("ok") as p:
        assert await read(engine(p), chat(stream=True)) == b"".join([*Speech().events(), DONE])


@pytest.mark.parametrize("mode", ["gzip", "ok"])
async def test_a_whole_answer_is_the_engines_body(engine, mode):
    """Also when the engine compresses it unasked."""
    async with provider(mode) as p:
        answer = await engine(p).complete(chat())
    assert orjson.loads(answer.body) == Speech().whole()
    assert answer.model == "m"


async def test_a_compressed_stream_is_read(engine):
    """gzip on a stream is undone piece by piece."""
    async with provider("gzip") as p:
        assert await read(engine(p), chat(stream=True)) == b"".join([*Speech().events(), DONE])


@pytest.mark.parametrize(
    ("mode", "limit", "phase"),
    [
        ("silent", {"first_token_s": 0.2}, "first_token"),
        ("slow-first-token", {"first_token_s": 0.2}, "first_token"),
        ("stall", {"idle_s": 0.2}, "idle"),
    ],
)
async def test_a_stream_says_which_limit_passed(engine, mode, limit, phase):
    """Keep-alive comments are no first token; a stall after tokens is idleness."""
    async with provider(mode) as p:
        got = await read(engine(p, **limit), chat(stream=True))
    assert got.phase == phase


async def test_comments_keep_a_slow_stream_from_being_idle(engine):
    """Before the first token only `first_token_s` counts, however short `idle_s` is."""
    async with provider("slow-first-token", tick_s=0.01) as p:
        got = await read(engine(p, first_token_s=0.3, idle_s=0.05), chat(stream=True))
    assert got.phase == "first_token"


@pytest.mark.parametrize("mode", ["silent", "stall"])
async def test_a_whole_call_has_only_its_total_limit(engine, mode):
    """No first token can be seen on a call that is not streamed."""
    async with provider(mode) as p:
        got = await read(engine(p, first_token_s=0.01, idle_s=0.01, total_s=0.2), chat())
    assert got.phase == "total"


async def test_total_holds_for_a_stream_too(engine):
    """A stream that never ends ends at `total_s`."""
    async with provider("slow-first-token") as p:
        got = await read(engine(p, first_token_s=9, total_s=0.2), chat(stream=True))
    assert got.phase == "total"


async def test_a_connection_that_is_not_answered_times_out_in_connect(engine):
    """A full listen queue is no refusal; `connect_s` bounds it."""
    with socket.create_server(("127.0.0.1", 0), backlog=0) as full:
        address = full.getsockname()
        url = f"http://127.0.0.1:{address[1]}/v1"
        waiting = socket.create_connection(address)
        got = await read(engine(url, connect_s=0.2), chat())
        waiting.close()
    assert (type(got), got.phase) == (TimedOut, "connect")


@pytest.mark.parametrize(
    ("url", "words"),
    [("http://127.0.0.1:1/v1", "refused"), ("http://no-such-host.invalid/v1", "does not resolve")],
)
async def test_a_server_that_is_not_there_is_unreachable(engine, url, words):
    """Refused and unknown names are told apart in words without an address."""
    got = await read(engine(url), chat())
    assert type(got) is Unreachable
    assert words in got.message


async def test_what_is_neither_http_nor_tls_is_an_error_of_its_own(engine):
    """A port that speaks another protocol does not look like an answer."""

    async def talk(reader, writer):
        await reader.read(10)
        writer.write(b"220 mail ready\r\n\r\n")
        writer.close()

    async with await asyncio.start_server(talk, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        plain = await read(engine(f"http://127.0.0.1:{port}/v1"), chat())
        tls = await read(engine(f"https://127.0.0.1:{port}/v1"), chat())
    assert (type(plain), type(tls)) == (Broken, Unreachable)


async def test_retry_after_is_kept(engine):
    """The pause that a busy engine asks for reaches the breaker's caller."""
    async with provider("429-retry-after") as p:
        got = await read(engine(p), chat())
    assert (got.status, got.retry_after_s, got.reason) == (429, 7.0, "429")


async def test_an_error_whose_body_is_cut_is_still_that_error(engine):
    """The status is known; the words are not."""

    async def cut_error(x):
        await x.reply(500, b'{"error": {"mess', promised=500)
        x.reset()

    async with provider(cut_error) as p:
        got = await read(engine(p), chat())
    assert (type(got), got.status, got.error) == (EngineFailed, 500, None)


@pytest.mark.parametrize("url", ["not a url", "http://", "http://host:port/v1"])
async def test_what_is_no_url_is_misconfigured(engine, url):
    """The message names the setting and not the value."""
    got = await read(engine(url), chat())
    assert type(got) is Misconfigured
    assert got.message == "`url` is not a URL"


@pytest.mark.parametrize("body", [b"nonsense", b"[]", b'{"data": [1]}', b'{"data": []}'])
async def test_a_model_list_that_cannot_be_read_stops_nobody(session, body):
    """Only a list that says otherwise is believed."""

    async def answer(request):
        return web.Response(body=body if request.path == "/v1/models" else b"")

    app = web.Application()
    app.router.add_get("/{path:.*}", answer)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    replica = ReplicaSpec(url=f"http://127.0.0.1:{runner.addresses[0][1]}/v1", name="a")
    await HttpEngine(TierSpec("t", "vllm", "m"), replica, session, DIALECTS["vllm"]).open()
    await runner.cleanup()
