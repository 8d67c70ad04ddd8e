"""The frame: four bytes of length, little-endian, then that many bytes of JSON."""

import asyncio
import socket
from typing import Any

import orjson

LENGTH_BYTES = 4
MAX_FRAME_BYTES = 64 * 1024 * 1024


class FrameError(Exception):
    """The other side sent what is no frame."""


def encode(message: Any) -> bytes:
    data = orjson.dumps(message)
    return len(data).to_bytes(LENGTH_BYTES, "little") + data


async def read(reader: asyncio.StreamReader) -> Any | None:
    """The next message, or None where the other side closed between or within frames."""
    try:
        data = await reader.readexactly(_length(await reader.readexactly(LENGTH_BYTES)))
    except (asyncio.IncompleteReadError, ConnectionError):
        return None
    return orjson.loads(data)


def receive(connection: socket.socket) -> Any | None:
    """As `read`, blocking."""
    header = _receive_exactly(connection, LENGTH_BYTES)
    data = _receive_exactly(connection, _length(header)) if header else None
    return orjson.loads(data) if data is not None else None


def _receive_exactly(connection: socket.socket, count: int) -> bytes | None:
    data = bytearray()
    while len(data) < count:
        try:
            part = connection.recv(count - len(data))
        except ConnectionError:
            return None
        if not part:
            return None
        data += part
    return bytes(data)


def _length(header: bytes) -> int:
    length = int.from_bytes(header, "little")
    if length > MAX_FRAME_BYTES:
        raise FrameError(f"a frame of {length} bytes; at most {MAX_FRAME_BYTES} are allowed")
    return length
