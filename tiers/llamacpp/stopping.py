"""The text so far: bytes of tokens become whole characters, and nothing of a stop string gets out."""

import codecs
from collections.abc import Sequence


class TextOut:
    """Turns token bytes into text that may be sent: never half a character, never part of a stop string."""

    def __init__(self, stops: Sequence[str] = ()) -> None:
        self._decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")
        self._stops = tuple(stops)
        self._held = ""
        self.stopped_by: str | None = None

    def feed(self, data: bytes) -> str:
        """The text that can be sent now; empty once a stop string was met (`stopped_by` says which)."""
        return self._release(self._decoder.decode(data))

    def finish(self) -> str:
        """What was held back and turned out to be no stop string."""
        text = self._release(self._decoder.decode(b"", final=True))
        if self.stopped_by is None:
            text += self._held
            self._held = ""
        return text

    def _release(self, text: str) -> str:
        if self.stopped_by is not None:
            return ""
        if not self._stops:
            return text
        text = self._held + text
        found = self._first_stop(text)
        if found is not None:
            self.stopped_by, self._held = found[1], ""
            return text[: found[0]]
        kept = self._possible_start(text)
        self._held = text[len(text) - kept :] if kept else ""
        return text[: len(text) - kept]

    def _first_stop(self, text: str) -> tuple[int, str] | None:
        """Where the stop string begins that is complete first, and which; the longest of those that end together."""
        found = [(text.find(stop), stop) for stop in self._stops if stop in text]
        return min(found, key=lambda place: (place[0] + len(place[1]), place[0])) if found else None

    def _possible_start(self, text: str) -> int:
        """Characters at the end of `text` that may be the beginning of a stop string."""
        longest = min(len(text), max(map(len, self._stops)) - 1)
        for length in range(longest, 0, -1):
            tail = text[len(text) - length :]
            if any(stop.startswith(tail) for stop in self._stops):
                return length
        return 0
