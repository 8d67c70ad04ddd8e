"""Server-sent events, read from bytes that may be cut anywhere.

The reader keeps each event's exact bytes, so that a relay can forward them untouched, beside what they mean.
The grammar is WHATWG's "event stream interpretation": lines end in LF, CRLF or CR, an empty line ends an
event.
"""

import re
from typing import NamedTuple, NoReturn

DONE = b"[DONE]"

_END = re.compile(rb"(?:\r\n|\n|\r(?!\n))(?:\r\n|\n|\r(?!\n))")
_LINE_END = re.compile(rb"\r\n|\n|\r")
_LONGEST_UNFINISHED_END = 3  # bytes of the line ends that close an event, all but the last: CR LF CR
_BOM = b"\xef\xbb\xbf"


class SseError(Exception):
    """The bytes are no usable event stream: one event is larger than the reader's limit."""


class Event(NamedTuple):
    """One event.

    raw: its exact bytes with the empty line that ends it. data: its `data` lines joined by LF; None where it
    has none (a comment, a keep-alive).
    """

    raw: bytes
    data: bytes | None

    @property
    def done(self) -> bool:
        """Whether this is OpenAI's end mark, which proves nothing about the answer being whole."""
        return self.data == DONE


class SseReader:
    """Bytes in, whole events out, the same ones however the bytes were cut.

    The `raw` of all events and then `rest` are, in order, exactly the bytes that were fed.
    """

    def __init__(self, *, max_event_bytes: int = 1 << 20) -> None:
        self._rest = b""
        self._max = max_event_bytes

    @property
    def rest(self) -> bytes:
        """What came after the last whole event."""
        return self._rest

    def feed(self, chunk: bytes) -> list[Event]:
        """The events that `chunk` completes. Raises SseError when one passes `max_event_bytes`."""
        buffer = self._rest + chunk if self._rest else chunk
        events = self._mixed(buffer) if b"\r" in buffer else self._lf_only(buffer)
        if len(self._rest) > self._max + _LONGEST_UNFINISHED_END:
            raise SseError(f"an event of more than {self._max} bytes")
        return events

    def finish(self) -> list[Event]:
        """The last event of a stream that has closed and whose lines end in a lone CR; else nothing.

        Only the next byte, or the end, tells whether a closing CR is the whole line end or half of a CRLF.
        """
        if not self._rest.endswith(b"\r"):
            return []
        match = _END.search(self._rest)
        if match is None:
            return []
        raw, self._rest = self._rest, b""
        return [Event(raw, _data(raw))]

    def _lf_only(self, buffer: bytes) -> list[Event]:
        parts = buffer.split(b"\n\n")
        self._rest = parts.pop()
        events = []
        most = self._max
        for part in parts:
            if len(part) > most:
                self._refuse(len(part))
            plain = part.startswith(b"data: ") and b"\n" not in part
            events.append(Event(part + b"\n\n", part[6:] if plain else _data(part)))
        return events

    def _mixed(self, buffer: bytes) -> list[Event]:
        events = []
        start = 0
        for match in _END.finditer(buffer):
            end = match.end()
            if end == len(buffer) and buffer.endswith(b"\r"):
                break
            if match.start() - start > self._max:
                self._refuse(match.start() - start)
            raw = buffer[start:end]
            events.append(Event(raw, _data(raw)))
            start = end
        self._rest = buffer[start:]
        return events

    def _refuse(self, size: int) -> NoReturn:
        raise SseError(f"an event of {size} bytes; at most {self._max} are read")


def _data(raw: bytes) -> bytes | None:
    values = []
    for line in _LINE_END.split(raw.removeprefix(_BOM)):
        name, _, value = line.partition(b":")
        if name == b"data":
            values.append(value.removeprefix(b" "))
    return b"\n".join(values) if values else None
