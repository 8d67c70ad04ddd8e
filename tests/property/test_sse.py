"""Event streams, however they are cut."""

from hypothesis import example, given
from hypothesis import strategies as st

from router.wire.sse import Event, SseReader

STREAMS = st.lists(
    st.sampled_from(
        [
            b"data: ",
            b"data:",
            b"data",
            b": c",
            b"id: 1",
            b'{"a":1}',
            b"[DONE]",
            b"\n",
            b"\r",
            b"\r\n",
            b"\n\n",
        ]
    ),
    max_size=40,
).map(b"".join)


def read(chunks: list[bytes]) -> tuple[list[Event], bytes]:
    reader = SseReader()
    events = [event for chunk in chunks for event in reader.feed(chunk)]
    return events + reader.finish(), reader.rest


@given(STREAMS)
@example(b"data: a\r\n\r\ndata: b\r\rdata: c\n\ndata: d\r\n\n: e\n\r\ndata: f\r\r\n")
@example(b"data: a\n\ndata: b\r\n\r\n")
def test_every_cut_gives_the_same_events(stream):
    """Cut in two at every byte, and into single bytes, the events and the rest are those of the whole."""
    whole = read([stream])
    for at in range(len(stream) + 1):
        assert read([stream[:at], stream[at:]]) == whole
    assert read([stream[at : at + 1] for at in range(len(stream))]) == whole


@given(STREAMS)
def test_no_byte_is_lost_or_made_up(stream):
    """The raw events and the rest, joined, are the stream."""
    events, rest = read([stream])
    assert b"".join(event.raw for event in events) + rest == stream


@given(st.lists(st.binary(max_size=30).map(lambda data: data.replace(b"\n", b"").replace(b"\r", b"")), max_size=10))
def test_what_was_written_is_read(payloads):
    """Any payload without line ends comes out as it went in."""
    stream = b"".join(b"data: " + payload + b"\n\n" for payload in payloads)
    events, rest = read([stream])
    assert ([event.data for event in events], rest) == (payloads, b"")
