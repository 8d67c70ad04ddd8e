"""A canned upstream: the fastest answer that a fake can give, so that what is measured is the gateway. It is a fake.

A body that asks for a stream gets 50 chunks, or N with `tokens=N` in its prompt; `rate=N` sends N of them a second,
without it they come as fast as they are read.
"""

import asyncio
import re
import sys
import time

import uvloop

_TOKENS = 50
_WHOLE = (
    b'{"id":"c","object":"chat.completion","created":0,"model":"canned","choices":[{"index":0,"message":'
    b'{"role":"assistant","content":"A canned answer."},"finish_reason":"stop"}],'
    b'"usage":{"prompt_tokens":12,"completion_tokens":4,"total_tokens":16}}'
)
ANSWER = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n%b" % (len(_WHOLE), _WHOLE)
_STREAM = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
_HEAD = b'data: {"id":"c","object":"chat.completion.chunk","created":0,"model":"canned","choices":['
_LAST = (
    _HEAD + b'{"index":0,"delta":{},"finish_reason":"stop"}]}\n\n'
    + _HEAD + b'],"usage":{"prompt_tokens":12,"completion_tokens":50,"total_tokens":62}}\n\ndata: [DONE]\n\n'
)  # fmt: skip


def _chunk(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


def _token(sent_ns: int) -> bytes:
    """An event whose text is the moment of its sending, so that the reader knows how long it was on its way."""
    return _chunk(_HEAD + b'{"index":0,"delta":{"content":"%d "},"finish_reason":null}]}\n\n' % sent_ns)


class Canned(asyncio.Protocol):
    """Answers each request with the same bytes; reads just enough HTTP to find where one ends."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport
        self._buffer = b""
        self._room = asyncio.Event()
        self._room.set()
        self._tasks: set[asyncio.Task[None]] = set()

    def pause_writing(self) -> None:
        self._room.clear()

    def resume_writing(self) -> None:
        self._room.set()

    def connection_lost(self, _: Exception | None) -> None:
        for task in self._tasks:
            task.cancel()

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        while (end := self._buffer.find(b"\r\n\r\n")) >= 0:
            head = self._buffer[:end].lower()
            length = int(_header(head, b"content-length") or 0)
            if len(self._buffer) < end + 4 + length:
                return
            body, self._buffer = self._buffer[end + 4 : end + 4 + length], self._buffer[end + 4 + length :]
            if b'"stream":true' in body:
                self._stream(_asked(body, rb"tokens") or _TOKENS, _asked(body, rb"rate"))
            else:
                self._transport.write(ANSWER)

    def _stream(self, tokens: int, rate: int) -> None:
        task = asyncio.ensure_future(self._send(tokens, rate))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _send(self, tokens: int, rate: int) -> None:
        self._transport.write(_STREAM)
        began = time.monotonic()
        for number in range(tokens):
            if rate:
                await asyncio.sleep(max(0.0, began + number / rate - time.monotonic()))
            else:
                await self._room.wait()
            self._transport.write(_token(time.monotonic_ns()))
        self._transport.write(_chunk(_LAST) + b"0\r\n\r\n")


def _header(head: bytes, name: bytes) -> bytes:
    at = head.find(name + b":")
    return head[at + len(name) + 1 :].split(b"\r\n", 1)[0].strip() if at >= 0 else b""


def _asked(body: bytes, name: bytes) -> int:
    """The number that the prompt gives as `name=N`; 0 where it gives none."""
    found = re.search(name + rb"=(\d+)", body)
    return int(found[1]) if found else 0


async def main() -> None:
    server = await asyncio.get_running_loop().create_server(Canned, "127.0.0.1", 0, backlog=4096)
    print(server.sockets[0].getsockname()[1], flush=True)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)  # lives as long as who started it


if __name__ == "__main__":
    uvloop.run(main())
