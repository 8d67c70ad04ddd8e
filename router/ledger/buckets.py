"""The fixed buckets that latencies are counted in, so that percentiles of any period come from sums."""

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import sqrt


@dataclass(frozen=True, slots=True)
class Buckets:
    """Log-spaced: each edge is the one before times the square root of two. edges_ns: ascending.

    Bucket 0 lies under the first edge, the last one above the last edge. column: of what it counts in `request`'s
    terms; sql: its value in nanoseconds, NULL where it is not known.
    """

    name: str
    sql: str
    edges_ns: tuple[int, ...]

    @property
    def columns(self) -> tuple[str, ...]:
        return tuple(f"{self.name}_{place}" for place in range(len(self.edges_ns) + 1))

    def place(self, value_ns: int) -> int:
        """The bucket that a value is counted in."""
        return bisect_right(self.edges_ns, value_ns)

    def counted(self) -> dict[str, str]:
        """Column to the SQL that is 1 where a request belongs into it, else 0."""
        first, last = self.edges_ns[0], self.edges_ns[-1]
        between = [f"{self.sql} >= {low} AND {self.sql} < {high}" for low, high in pairwise(self.edges_ns)]
        tests = [f"{self.sql} < {first}", *between, f"{self.sql} >= {last}"]
        return {
            column: f"({self.sql} IS NOT NULL AND {test})" for column, test in zip(self.columns, tests, strict=True)
        }

    def quantile_ns(self, counts: Sequence[int], share: float) -> int | None:
        """The value that `share` of all lie under; None where nothing was counted.

        Interpolated geometrically inside its bucket, so off by less than the factor of a bucket, 1.42. A value in the
        first or last bucket is told as that bucket's edge.
        """
        wanted, seen = share * sum(counts), 0
        if not sum(counts):
            return None
        for place, count in enumerate(counts):
            if count and seen + count >= wanted:
                return self._inside(place, (wanted - seen) / count)
            seen += count
        return self.edges_ns[-1]

    def _inside(self, place: int, share: float) -> int:
        if place == 0:
            return self.edges_ns[0]
        if place == len(self.edges_ns):
            return self.edges_ns[-1]
        low, high = self.edges_ns[place - 1], self.edges_ns[place]
        return int(low * (high / low) ** share)


def _edges(first_ns: int, count: int) -> tuple[int, ...]:
    return tuple(round(first_ns * sqrt(2) ** step) for step in range(count))


DURATION = Buckets("duration", "(q.ended_ns - q.started_ns)", _edges(1_000_000, 39))  # 1 ms to 524 s
TTFT = Buckets("ttft", "q.ttft_ns", _edges(1_000_000, 33))  # 1 ms to 66 s
OVERHEAD = Buckets("overhead", "q.overhead_ns", _edges(50_000, 29))  # 50 us to 0.8 s
HISTOGRAMS = {buckets.name: buckets for buckets in (DURATION, TTFT, OVERHEAD)}
