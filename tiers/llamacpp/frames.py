"""The frame: four bytes of length, little-endian, then that many bytes of JSON."""

import asyncio
import socket
from typing import Any

import orjson

LENGTH_BYTES = 4
MAX_FRAME_BYTES = 64 * 1024 * 1024


class FrameError(Exception):
    """What is no frame: longer than MAX_FRAME_BYTES, or no JSON."""


def encode(message: Any) -> bytes:
    """Raises FrameError where the message is too long."""
    data = orjson.dumps(message)
    _checked(len(data))
    return len(data).to_bytes(LENGTH_BYTES, "little") + data


async def read(reader: asyncio.StreamReader) -> Any | None:
    """The next message, or None where the other side closed between or within frames. Raises FrameError."""
    try:
        header = await reader.readexactly(LENGTH_BYTES)
        data = await reader.readexactly(_length(header))
    except (asyncio.IncompleteReadError, ConnectionError):
        return None
    return _decode(data)


def receive(connection: socket.socket) -> Any | None:
    """As `read`, blocking."""
    header = _receive_exactly(connection, LENGTH_BYTES)
    data = _receive_exactly(connection, _length(header)) if header else None
    return _decode(data) if data is not None else None


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
    return _checked(int.from_bytes(header, "little"))


def _checked(length: int) -> int:
    if length > MAX_FRAME_BYTES:
        raise FrameError(f"a frame of {length} bytes; at most {MAX_FRAME_BYTES} are allowed")
    return length


def _decode(data: bytes) -> Any:
    try:
        return orjson.loads(data)
    except orjson.JSONDecodeError as error:
        raise FrameError(f"a frame that is no JSON: {error}") from error
