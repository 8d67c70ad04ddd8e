"""One request and its reply over a raw connection, so that the reply can be broken at any byte."""

import asyncio
import contextlib
import json
import socket
import struct
from dataclasses import dataclass, field
from typing import Any

from tests.faults.speech import Speech

_FULL_BYTES = 65536


@dataclass
class Exchange:
    """method, path, headers (lower case), body: what was asked. The methods write the reply.

    name: of this answer. earlier: how many requests came before this one. left: the client closed while it was being
    answered. blocked: the client reads too slowly to take more.
    """

    method: str
    path: str
    headers: dict[str, str]
    body: Any
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    tick_s: float = 1.0
    name: str = "1"
    earlier: int = 0
    left: asyncio.Event = field(default_factory=asyncio.Event)
    blocked: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def streamed(self) -> bool:
        return isinstance(self.body, dict) and bool(self.body.get("stream"))

    @property
    def speech(self) -> Speech:
        """What would be said if nothing broke."""
        return Speech(self.body, name=self.name, legacy=not self.path.endswith("/chat/completions"))

    async def reply(
        self,
        status: int,
        body: bytes,
        kind: str = "application/json",
        *,
        promised: int | None = None,
        **headers: str,
    ) -> None:
        """A whole reply; `promised` is a Content-Length that may be a lie."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        length = len(body) if promised is None else promised
        await self._head(status, {"Content-Type": kind, "Content-Length": str(length), **named})
        await self.write(body)

    async def json(self, status: int, body: Any, **headers: str) -> None:
        await self.reply(status, json.dumps(body).encode(), **headers)

    async def begin(self, **headers: str) -> None:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        await self._head(200, {"Content-Type": "text/event-stream", "Transfer-Encoding": "chunked", **named})

    async def send(self, data: bytes) -> None:
        """One HTTP chunk of a stream that `begin` started."""
        await self.write(b"%x\r\n%s\r\n" % (len(data), data))

    async def end(self) -> None:
        await self.write(b"0\r\n\r\n")

    async def write(self, data: bytes) -> None:
        self.writer.write(data)
        if self.writer.transport.get_write_buffer_size() > _FULL_BYTES:
            self.blocked.set()
        await self.writer.drain()

    async def client_left(self) -> None:
        """Wait until the client closes the connection; nothing else is expected from it."""
        with contextlib.suppress(ConnectionError):
            while await self.reader.read(65536):
                pass
        self.left.set()

    def reset(self) -> None:
        """Close so that the client sees a reset and not an end."""
        sock = self.writer.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.writer.transport.abort()

    async def _head(self, status: int, headers: dict[str, str]) -> None:
        lines = [f"HTTP/1.1 {status} Reason", *(f"{name}: {value}" for name, value in headers.items())]
        await self.write("\r\n".join([*lines, "", ""]).encode())


async def read(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, tick_s: float, *, deaf: bool
) -> Exchange | None:
    """The next request on a connection; None when the client closed it. deaf: bodies stay in the client's hands."""
    try:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
    except (asyncio.IncompleteReadError, ConnectionError):
        return None
    method, path, _ = head[0].split(" ", 2)
    pairs = (line.split(":", 1) for line in head[1:] if line)
    headers = {name.strip().lower(): value.strip() for name, value in pairs}
    if deaf and method == "POST":
        await asyncio.Event().wait()
    raw = await reader.readexactly(int(headers.get("content-length", 0)))
    return Exchange(method, path, headers, json.loads(raw) if raw else None, reader, writer, tick_s)
