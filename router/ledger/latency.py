"""Percentiles of durations, of times to the first token and of overheads, from the rollups' buckets."""

import sqlite3
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from router.ledger.buckets import HISTOGRAMS
from router.ledger.cubes import LATENCY
from router.ledger.dimensions import column, cube_for, matching
from router.ledger.periods import Period
from router.ledger.pieces import Asked, grouped
from router.ledger.sqlite import LedgerError, connect_reader

Measure = Literal["duration", "ttft", "overhead"]


@dataclass(frozen=True, slots=True)
class Latency:
    """One group. counts: requests in each bucket of `measure`, see `HISTOGRAMS`. start_ns: of its hour or day."""

    by: Mapping[str, str]
    start_ns: int | None
    measure: Measure
    counts: tuple[int, ...]

    @property
    def count(self) -> int:
        return sum(self.counts)

    def quantile_ns(self, share: float) -> int | None:
        """What `share` (0.5, 0.95, 0.99) of them were faster than, within a factor of 1.42; None without any."""
        return HISTOGRAMS[self.measure].quantile_ns(self.counts, share)


def latency(
    path: Path,
    measure: Measure = "duration",
    by: Sequence[str] = (),
    *,
    since_ns: int | None = None,
    until_ns: int | None = None,
    where: Mapping[str, str] | None = None,
    every: Literal["hour", "day"] | None = None,
) -> list[Latency]:
    """Of the requests that started in a period, by dimensions of a request, in order of time.

    measure: `duration` (the whole request), `ttft` (where it is known), `overhead` (no engine at work). Edges, blocking
    and errors are those of `sums`.
    """
    where = where or {}
    cube_for({*by, *where}, (LATENCY,))
    asked = Asked(LATENCY, tuple(map(column, by)), matching(where), HISTOGRAMS[measure].columns, every)
    with closing(connect_reader(path)) as connection:
        try:
            rows = grouped(connection, asked, Period(since_ns, until_ns))
        except sqlite3.Error as error:
            raise LedgerError(f"{path}: {error}") from error
    made = [
        Latency(
            dict(zip(by, row[: len(by)], strict=True)),
            None if row[len(by)] is None else row[len(by)] * 1_000_000_000,
            measure,
            tuple(row[len(by) + 1 :]),
        )
        for row in rows
    ]
    return sorted((row for row in made if row.count), key=lambda row: (row.start_ns or 0, *row.by.values()))
