"""The frames: what one side says is what the other hears."""

import asyncio
import socket

import pytest

from tiers.llamacpp import frames

MESSAGES = [["generate", 1, "/v1", {"ü": [1.5, None]}], {}, ["x" * 70000]]


def test_messages_arrive_whole_and_in_order():
    """Both ways of reading give the messages that were sent, however large."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        theirs.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 20)
        theirs.sendall(b"".join(map(frames.encode, MESSAGES)))
        assert [frames.receive(ours) for _ in MESSAGES] == MESSAGES
        theirs.close()
        assert frames.receive(ours) is None


async def test_the_gateways_side_reads_the_same():
    """The asynchronous reader hears the same messages and then the end."""
    reader = asyncio.StreamReader()
    reader.feed_data(b"".join(map(frames.encode, MESSAGES)))
    reader.feed_eof()
    assert [await frames.read(reader) for _ in MESSAGES] == MESSAGES
    assert await frames.read(reader) is None


async def test_a_frame_that_was_cut_off_is_the_end():
    """Half a frame is no message: the other side died while it wrote."""
    reader = asyncio.StreamReader()
    reader.feed_data(frames.encode(["hello"])[:-1])
    reader.feed_eof()
    assert await frames.read(reader) is None


async def test_a_length_beyond_reason_is_an_error():
    """A corrupt length is not waited for."""
    reader = asyncio.StreamReader()
    reader.feed_data(b"\xff\xff\xff\xff")
    with pytest.raises(frames.FrameError):
        await frames.read(reader)
