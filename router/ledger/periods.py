"""A period of time cut into whole days, whole hours and what is left at its edges."""

from collections.abc import Iterator
from dataclasses import dataclass

from router.ledger.cubes import DAY_S, HOUR_S

NS = 1_000_000_000
_LAST_S = 2**62 // NS  # later than any row


@dataclass(frozen=True, slots=True)
class Piece:
    """From `start_s` to just before `end_s`, both whole spans; or, with span_s None, nanoseconds inside an hour."""

    span_s: int | None
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Period:
    """From `since_ns` to just before `until_ns` (Unix time); None is without an end."""

    since_ns: int | None
    until_ns: int | None

    def widened(self, archived_before_ns: int) -> "Period":
        """Edges in hours whose rows may be archived go out to the whole hour."""
        hour_ns = HOUR_S * NS
        since_ns, until_ns = self.since_ns, self.until_ns
        if since_ns is not None and since_ns < archived_before_ns:
            since_ns = since_ns // hour_ns * hour_ns
        if until_ns is not None and until_ns < archived_before_ns:
            until_ns = -(-until_ns // hour_ns) * hour_ns
        return Period(since_ns, until_ns)

    def pieces(self, *, days: bool) -> Iterator[Piece]:
        """Pieces that do not overlap and cover the period; days: whole days may be taken as such."""
        since_ns = 0 if self.since_ns is None else max(0, self.since_ns)
        until_ns = _LAST_S // DAY_S * DAY_S * NS if self.until_ns is None else self.until_ns
        first_s, last_s = -(-since_ns // (HOUR_S * NS)) * HOUR_S, until_ns // (HOUR_S * NS) * HOUR_S
        if first_s > last_s:  # inside one hour
            yield from _piece(None, since_ns, until_ns)
            return
        yield from _piece(None, since_ns, first_s * NS)
        first_day_s, last_day_s = -(-first_s // DAY_S) * DAY_S, last_s // DAY_S * DAY_S
        if days and first_day_s < last_day_s:
            yield from _piece(HOUR_S, first_s, first_day_s)
            yield from _piece(DAY_S, first_day_s, last_day_s)
            yield from _piece(HOUR_S, last_day_s, last_s)
        else:
            yield from _piece(HOUR_S, first_s, last_s)
        yield from _piece(None, last_s * NS, until_ns)


def _piece(span_s: int | None, start: int, end: int) -> Iterator[Piece]:
    if start < end:
        yield Piece(span_s, start, end)
