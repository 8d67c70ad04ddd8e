"""The ways to break, by name."""

import asyncio
import gzip as gz
import json
import random
import zlib
from collections.abc import Awaitable, Callable

from tests.faults.exchange import Exchange
from tests.faults.speech import event

Mode = Callable[[Exchange], Awaitable[None]]

DONE = b"data: [DONE]\n\n"
HTML = b"<html><head><title>502 Bad Gateway</title></head><body>nginx at 10.0.0.9</body></html>"
OVERLOAD = {"error": {"message": "queue full", "type": "server_error", "param": None, "code": "overloaded"}}
PREFILL = {
    "error": {
        "message": "Cannot have 2 or more assistant messages at the end of the list.",
        "type": "BadRequestError", "param": None, "code": 400,
    }
}  # fmt: skip
TOO_LONG = {
    "error": {
        "message": "maximum context length is 512 tokens. However, your request has 600 input tokens.",
        "type": "BadRequestError",
        "param": "input_tokens",
        "code": 400,
    }
}


async def ok(x: Exchange) -> None:
    if not x.streamed:
        return await x.json(200, x.speech.whole())
    await x.begin()
    for piece in [*x.speech.events(), DONE]:
        await x.send(piece)
    return await x.end()


def status(code: int, **headers: str) -> Mode:
    async def mode(x: Exchange) -> None:
        await x.json(code, OVERLOAD, **headers)

    return mode


def once(first: Mode) -> Mode:
    """Breaks the first request that comes, and answers every other."""

    async def mode(x: Exchange) -> None:
        await (ok(x) if x.earlier else first(x))

    return mode


async def unauthorized(x: Exchange) -> None:
    """As vLLM says it: a bare string where an object is due."""
    await x.json(401, {"error": "Unauthorized"})


async def no_model(x: Exchange) -> None:
    message = "The model `m` does not exist."
    await x.json(404, {"error": {"message": message, "type": "NotFoundError", "param": "model", "code": 404}})


async def reset_before_headers(x: Exchange) -> None:
    x.reset()


async def silent(x: Exchange) -> None:
    await x.client_left()


async def slow_first_token(x: Exchange) -> None:
    """Headers and keep-alive comments, and no token until the client gives up."""
    await x.begin()
    leaving = asyncio.ensure_future(x.client_left())
    while not leaving.done():
        await x.send(b": keep-alive\n\n")
        await asyncio.wait({leaving}, timeout=x.tick_s)


async def _beginning(x: Exchange) -> None:
    """Two thirds of a stream, or half of a whole body."""
    if x.streamed:
        await x.begin()
        for piece in x.speech.events()[: x.speech.beginning]:
            await x.send(piece)
    else:
        body = json.dumps(x.speech.whole()).encode()
        await x.reply(200, body[: len(body) // 2], promised=len(body))


async def cut(x: Exchange) -> None:
    await _beginning(x)
    x.writer.close()


async def cut_reset(x: Exchange) -> None:
    """A reset throws away what the client has not read yet, so it is given a moment."""
    await _beginning(x)
    await asyncio.sleep(x.tick_s)
    x.reset()


async def stall(x: Exchange) -> None:
    await _beginning(x)
    await x.client_left()


async def malformed_event(x: Exchange) -> None:
    if not x.streamed:
        return await x.reply(200, b'{"choices": [{"message"')
    await x.begin()
    for piece in [*x.speech.events()[: x.speech.beginning], b'data: {"choices": [{"del\n\n', DONE]:
        await x.send(piece)
    return await x.end()


async def no_done(x: Exchange) -> None:
    if not x.streamed:
        return await ok(x)
    await x.begin()
    for piece in x.speech.events():
        await x.send(piece)
    return await x.end()


async def error_in_stream(x: Exchange) -> None:
    """As vLLM does it: an error event, and `[DONE]` nevertheless."""
    if not x.streamed:
        return await status(500)(x)
    await x.begin()
    failed = {"error": {"message": "the engine died", "type": "InternalServerError", "param": None, "code": 500}}
    for piece in [*x.speech.events()[: x.speech.beginning], event(failed), DONE]:
        await x.send(piece)
    return await x.end()


async def error_with_200(x: Exchange) -> None:
    await x.json(200, {"error": {"message": "upstream is sad", "type": "server_error", "code": None}})


async def html(x: Exchange) -> None:
    await x.reply(502, HTML, "text/html")


async def html_with_200(x: Exchange) -> None:
    await x.reply(200, HTML, "text/html")


async def gzip(x: Exchange) -> None:
    if not x.streamed:
        return await x.reply(200, gz.compress(json.dumps(x.speech.whole()).encode()), Content_Encoding="gzip")
    await x.begin(Content_Encoding="gzip")
    squeeze = zlib.compressobj(wbits=31)
    for piece in [*x.speech.events(), DONE]:
        await x.send(squeeze.compress(piece) + squeeze.flush(zlib.Z_SYNC_FLUSH))
    await x.send(squeeze.flush())
    return await x.end()


async def wrong_content_type(x: Exchange) -> None:
    """A stream was asked and one whole answer comes; a whole one comes as text."""
    await x.reply(200, json.dumps(x.speech.whole()).encode(), "application/json" if x.streamed else "text/plain")


async def short_body(x: Exchange) -> None:
    body = b"".join(x.speech.events()) if x.streamed else json.dumps(x.speech.whole()).encode()
    await x.reply(200, body, "text/event-stream" if x.streamed else "application/json", promised=len(body) + 100)
    x.writer.close()


async def long_body(x: Exchange) -> None:
    """More bytes than promised: what is read is not whole JSON."""
    body = json.dumps(x.speech.whole()).encode()
    await x.reply(200, body, promised=len(body) - 20)
    x.writer.close()


async def empty(x: Exchange) -> None:
    await x.reply(200, b"")


async def flood(x: Exchange) -> None:
    """A stream without end, faster than anybody reads."""
    await x.begin()
    while True:
        await x.send(b"data: " + b"x" * 8192 + b"\n\n")


async def begins_again(x: Exchange) -> None:
    """Knows nothing of half-written answers: it ignores what it was shown of one."""
    messages = [message for message in x.body["messages"] if message["role"] != "assistant"]
    x.body = {**x.body, "messages": messages, "continue_final_message": False}
    await ok(x)


async def other_words(x: Exchange) -> None:
    """Another answer than anybody else's."""
    x.body = {**x.body, "continue_final_message": False, "max_tokens": None}
    await ok(x)


async def refuses_prefill(x: Exchange) -> None:
    """As servers do whose chat template wants the user's turn last."""
    await (x.json(400, PREFILL) if x.body["messages"][-1]["role"] == "assistant" else ok(x))


async def content_filter(x: Exchange) -> None:
    """The provider's own filter ends the answer in its middle; a whole answer says so too."""
    if not x.streamed:
        whole = x.speech.whole()
        whole["choices"][0]["finish_reason"] = "content_filter"
        return await x.json(200, whole)
    said = x.speech.events()
    filtered = said[-2].replace(b'"length"', b'"content_filter"').replace(b'"stop"', b'"content_filter"')
    await x.begin()
    for piece in [*said[: x.speech.beginning], filtered, DONE]:
        await x.send(piece)
    return await x.end()


async def slow(x: Exchange) -> None:
    """One word each tick."""
    if not x.streamed:
        return await ok(x)
    await x.begin()
    for piece in [*x.speech.events(), DONE]:
        await x.send(piece)
        await asyncio.sleep(x.tick_s)
    return await x.end()


async def keep_alive(x: Exchange) -> None:
    """A long prefill: comments, and then the answer."""
    if not x.streamed:
        return await ok(x)
    await x.begin()
    for _ in range(5):
        await x.send(b": keep-alive\n\n")
        await asyncio.sleep(x.tick_s)
    for piece in [*x.speech.events(), DONE]:
        await x.send(piece)
    return await x.end()


async def byte_by_byte(x: Exchange) -> None:
    """Every byte of the stream in an HTTP chunk of its own."""
    if not x.streamed:
        return await ok(x)
    await x.begin()
    for byte in b"".join([*x.speech.events(), DONE]):
        await x.send(bytes([byte]))
    return await x.end()


async def closes(x: Exchange) -> None:
    """Neither chunked nor with a length, as HTTP/1.0 has it: the connection's end is the answer's."""
    body = b"".join([*x.speech.events(), DONE]) if x.streamed else json.dumps(x.speech.whole()).encode()
    kind = "text/event-stream" if x.streamed else "application/json"
    await x.write(f"HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\nConnection: close\r\n\r\n".encode() + body)
    x.writer.close()


async def cut_before_end(x: Exchange) -> None:
    """Every word came; the finish reason does not."""
    if not x.streamed:
        return await cut(x)
    await x.begin()
    for piece in x.speech.events()[:-2]:
        await x.send(piece)
    return x.writer.close()


async def cut_after_end(x: Exchange) -> None:
    """The finish reason came; the usage and `[DONE]` do not."""
    if not x.streamed:
        return await ok(x)
    await x.begin()
    for piece in x.speech.events()[:-1]:
        await x.send(piece)
    await asyncio.sleep(x.tick_s)
    return x.reset()


async def redirect(x: Exchange) -> None:
    await x.reply(307, b"", Location="http://127.0.0.1:1/v1/chat/completions")


async def context_too_long(x: Exchange) -> None:
    await x.json(400, TOO_LONG)


MODES: dict[str, Mode] = {
    "ok": ok,
    "401": unauthorized,
    "404": no_model,
    "429": status(429),
    "429-retry-after": status(429, Retry_After="7"),
    "500": status(500),
    "500-once": once(status(500)),
    "503": status(503),
    "reset-before-headers": reset_before_headers,
    "silent": silent,
    "slow-first-token": slow_first_token,
    "cut": cut,
    "cut-reset": cut_reset,
    "stall": stall,
    "cut-once": once(cut),
    "cut-before-end": cut_before_end,
    "cut-after-end": cut_after_end,
    "slow": slow,
    "keep-alive": keep_alive,
    "byte-by-byte": byte_by_byte,
    "closes": closes,
    "malformed-event": malformed_event,
    "no-done": no_done,
    "error-in-stream": error_in_stream,
    "200-error-body": error_with_200,
    "html": html,
    "html-200": html_with_200,
    "gzip": gzip,
    "wrong-content-type": wrong_content_type,
    "short-body": short_body,
    "long-body": long_body,
    "empty": empty,
    "context-too-long": context_too_long,
    "content-filter": content_filter,
    "refuses-prefill": refuses_prefill,
    "begins-again": begins_again,
    "other-words": other_words,
    "flood": flood,
    "redirect": redirect,
}

MIXED = (
    "429", "500", "503", "reset-before-headers", "silent", "cut", "cut-reset", "stall", "malformed-event",
    "error-in-stream", "200-error-body", "html",
)  # fmt: skip


def mixed(share: float, rng: random.Random) -> Mode:
    """Each of `MIXED` in this share of the requests, and answers to all others."""

    async def mode(x: Exchange) -> None:
        drawn = rng.random() / share if share else len(MIXED)
        await (MODES[MIXED[int(drawn)]] if drawn < len(MIXED) else ok)(x)

    return mode
