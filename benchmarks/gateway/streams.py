"""Streams: how much later a token comes, how many can pass, and what streams that are left behind leave behind."""

import asyncio
import re
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from urllib.parse import urlsplit

import orjson

from benchmarks.gateway.subjects import Subject

_SENT = re.compile(rb'"content":"(\d+) "')
_DONE = b"data: [DONE]"


@dataclass(slots=True)
class Seen:
    """delays_s: from the upstream's sending to our receiving, of every token. wrong: streams that did not end well."""

    delays_s: list[float] = field(default_factory=list)
    streams: int = 0
    wrong: int = 0


class Reader(asyncio.Protocol):
    """One connection that asks for one stream after another until `until`, then closes."""

    def __init__(self, subject: Subject, rate: int, until: float, seen: Seen, closed: Callable[[], None]) -> None:
        self._subject, self._rate, self._until, self._seen, self._closed = subject, rate, until, seen, closed
        self._tokens = 50 if rate else 500  # a stream as long as what is measured is its relay, not its beginning
        self._tail = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport
        self._ask()

    def connection_lost(self, _: Exception | None) -> None:
        self._closed()

    def data_received(self, data: bytes) -> None:
        now = time.monotonic_ns()
        data = self._tail + data
        end = 0
        for found in _SENT.finditer(data):
            self._seen.delays_s.append((now - int(found[1])) / 1e9)
            end = found.end()
        done = data.find(_DONE, end)
        if done < 0 or not data.endswith(b"0\r\n\r\n"):
            self._tail = data[end:]
            self._refused(data)
            return
        self._tail = b""
        self._seen.streams += 1
        if time.monotonic() < self._until:
            self._ask()
        else:
            self._transport.close()

    def _refused(self, data: bytes) -> None:
        if b'"error"' in data or (data.startswith(b"HTTP/1.1 ") and not data.startswith(b"HTTP/1.1 200")):
            self._seen.wrong += 1
            self._transport.close()

    def _ask(self) -> None:
        self._transport.write(
            request(self._subject, f"rate={self._rate} tokens={self._tokens} at {time.monotonic_ns()}")
        )


def request(subject: Subject, text: str) -> bytes:
    body = orjson.dumps({"model": "auto", "stream": True, "messages": [{"role": "user", "content": text}]})
    headers = {"host": "x", "content-type": "application/json", "content-length": str(len(body)), **subject.headers}
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    return f"POST /v1/chat/completions HTTP/1.1\r\n{lines}\r\n".encode() + body


async def read(subject: Subject, streams: int, *, rate: int, seconds: float) -> tuple[Seen, float]:
    """(what came over so many streams at once, seconds it took). rate: tokens/s of each, 0 as fast as they go."""
    loop = asyncio.get_running_loop()
    seen, open_ones, idle = Seen(), streams, asyncio.Event()

    def closed() -> None:
        nonlocal open_ones
        open_ones -= 1
        if not open_ones:
            idle.set()

    place = urlsplit(subject.url)
    began = time.monotonic()
    for number in range(streams):
        until = began + seconds
        await loop.create_connection(lambda u=until: Reader(subject, rate, u, seen, closed), place.hostname, place.port)
        if rate:
            await asyncio.sleep(1 / streams if number else 0)  # so that not all tokens are due at one moment
    await asyncio.wait_for(idle.wait(), seconds + 60)
    return seen, time.monotonic() - began


async def leave(subject: Subject, streams: int, *, at_once: int = 50) -> None:
    """Begin so many streams and close each connection after its first token."""
    place = urlsplit(subject.url)

    async def one(number: int) -> None:
        reader, writer = await asyncio.open_connection(place.hostname, place.port)
        writer.write(request(subject, f"rate=50 left behind {number} {time.monotonic_ns()}"))
        await reader.readuntil(b'"content":"')
        writer.close()

    for start in range(0, streams, at_once):
        await asyncio.gather(*(one(number) for number in range(start, min(start + at_once, streams))))


def quantile(values: list[float], share: float) -> float:
    """Nearest rank of unsorted values."""
    ordered = sorted(values)
    return ordered[int(share * (len(ordered) - 1))]
