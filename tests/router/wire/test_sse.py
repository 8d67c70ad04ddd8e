"""Server-sent events out of bytes."""

import pytest

from router.wire.sse import Event, SseError, SseReader


def read(*chunks: bytes) -> list[Event]:
    reader = SseReader()
    return [event for chunk in chunks for event in reader.feed(chunk)] + reader.finish()


def test_an_event_keeps_its_exact_bytes():
    """What is forwarded is what came, blank line included."""
    stream = b'data: {"a": 1}\n\ndata:[DONE]\r\n\r\n: keep-alive\n\n'
    assert b"".join(event.raw for event in read(stream)) == stream


@pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\r"])
def test_all_three_line_ends_are_read(end):
    """LF, CRLF and CR end lines; two in a row end an event."""
    stream = end.join([b"event: x", b"data: one", b"data: two", b"", b"data: [DONE]", b"", b""])
    assert [(event.data, event.done) for event in read(stream)] == [(b"one\ntwo", False), (b"[DONE]", True)]


@pytest.mark.parametrize(
    ("raw", "data"),
    [
        (b"data: x\n\n", b"x"),
        (b"data:x\n\n", b"x"),
        (b"data:  x \n\n", b" x "),
        (b"data\n\n", b""),
        (b"data: \n\n", b""),
        (b"\xef\xbb\xbfdata: x\n\n", b"x"),
        (b"id: 1\nretry: 5\ndata: x\n\n", b"x"),
        (b"data: a\ndata\ndata: b\n\n", b"a\n\nb"),
        (b"\n\ndata: x\n\n", b"x"),
        (b": keep-alive\n\n", None),
        (b"database: x\n\n", None),
        (b"event: ping\n\n", None),
    ],
)
def test_data_is_read_by_the_grammar(raw, data):
    """One space after the colon is dropped, lines are joined, other fields and comments carry no data."""
    assert read(raw)[-1].data == data


def test_an_unfinished_event_is_the_rest():
    """A stream that breaks off leaves its tail, which is no event."""
    reader = SseReader()
    assert len(reader.feed(b'data: {"a":1}\n\ndata: {"b"')) == 1
    assert reader.rest == b'data: {"b"'
    assert reader.finish() == []


def test_a_stream_of_lone_crs_ends_with_its_connection():
    """The last CR may be half of a CRLF, until nothing more comes."""
    reader = SseReader()
    assert reader.feed(b"data: x\r\r") == []
    assert [event.data for event in reader.finish()] == [b"x"]
    assert (reader.finish(), reader.rest) == ([], b"")


@pytest.mark.parametrize("end", [b"\n\n", b"\r\n\r\n", b""])
@pytest.mark.parametrize("cut", [1, 7, 10_000])
def test_an_event_has_a_greatest_size(end, cut):
    """One byte too many is an error, in one piece or in many; at the limit it is read."""
    fits, too_large = b"data: " + b"x" * 94, b"data: " + b"x" * 98
    for stream, error in ((fits + end, False), (too_large + end, True)):
        reader = SseReader(max_event_bytes=100)
        try:
            for start in range(0, len(stream), cut):
                reader.feed(stream[start : start + cut])
        except SseError:
            assert error
        else:
            assert not error
