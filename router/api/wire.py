"""Reading a body and writing an answer over ASGI, and noticing that the caller has left."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from typing import Any

from router.errors import ApiError, ClientGone

Scope = Mapping[str, Any]
Receive = Any
Send = Any

_JSON = (b"content-type", b"application/json")
_QUICK_S = 0.02
_SSE = ((b"content-type", b"text/event-stream; charset=utf-8"), (b"cache-control", b"no-cache"))


def headers_of(scope: Scope) -> dict[str, str]:
    """Lower-case names; of a repeated header the last one."""
    return {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}


async def read_body(receive: Receive, headers: Mapping[str, str], limit: int) -> bytes:
    """The whole body. Raises ApiError 413 over `limit` bytes (before reading, where the length is told), ClientGone."""
    told = headers.get("content-length", "")
    if told.isdigit() and int(told) > limit:
        raise _too_large(limit)
    pieces: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientGone
        piece = message.get("body", b"")
        size += len(piece)
        if size > limit:
            raise _too_large(limit)
        pieces.append(piece)
        if not message.get("more_body"):
            return pieces[0] if len(pieces) == 1 else b"".join(pieces)


def _too_large(limit: int) -> ApiError:
    return ApiError(
        413,
        f"The body is larger than {limit} bytes (setting server.max_body_bytes).",
        code="request_too_large",
        headers={"connection": "close"},
    )


class cancelled_when_gone:  # noqa: N801 - reads as a condition where it is used
    """Cancel the block when the caller leaves; the block then ends in ClientGone.

    Whether the caller is still there is first asked after `_QUICK_S`: most answers that need no engine, and those of
    a fast one, are through before, and pay nothing for the question.
    """

    __slots__ = ("_gone", "_receive", "_task", "_timer", "_watcher")

    def __init__(self, receive: Receive) -> None:
        self._receive = receive
        self._watcher: asyncio.Task[None] | None = None
        self._gone = False

    def __enter__(self) -> None:
        task = asyncio.current_task()
        assert task is not None  # noqa: S101 - always inside one
        self._task = task
        self._timer = asyncio.get_running_loop().call_later(_QUICK_S, self._start)

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        self._timer.cancel()
        if self._watcher is not None:
            self._watcher.cancel()
        if self._gone and isinstance(error, asyncio.CancelledError):
            self._task.uncancel()
            raise ClientGone from None

    def _start(self) -> None:
        self._watcher = asyncio.create_task(self._watch())

    async def _watch(self) -> None:
        while (await self._receive())["type"] != "http.disconnect":
            pass
        self._gone = True
        self._task.cancel()


async def send_body(send: Send, status: int, headers: Mapping[str, str], body: bytes) -> None:
    encoded = [_JSON, (b"content-length", str(len(body)).encode()), *_encoded(headers)]
    await send({"type": "http.response.start", "status": status, "headers": encoded})
    await send({"type": "http.response.body", "body": body})


async def send_events(send: Send, headers: Mapping[str, str], events: AsyncIterator[bytes]) -> None:
    """Each piece goes out as it comes; a reader that is slow slows the upstream.

    The first piece is taken before anything is sent: a generator that never began would never clean up.
    """
    piece = await anext(events, None)
    await send({"type": "http.response.start", "status": 200, "headers": [*_SSE, *_encoded(headers)]})
    while piece is not None:
        if piece:
            await send({"type": "http.response.body", "body": piece, "more_body": True})
        piece = await anext(events, None)
    await send({"type": "http.response.body", "body": b""})


def _encoded(headers: Mapping[str, str]) -> list[tuple[bytes, bytes]]:
    return [(name.encode("latin-1"), _clean(value)) for name, value in headers.items()]


def _clean(value: str) -> bytes:
    """A header's value in one line of latin-1, whatever an engine called its model."""
    return value.encode("latin-1", "replace").replace(b"\r", b" ").replace(b"\n", b" ")
