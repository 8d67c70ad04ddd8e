"""Sums over the ledger, read from its rollups; rows themselves are read only for the part of an hour at an edge."""

import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, fields, replace
from operator import add, sub
from pathlib import Path
from typing import Any, Literal, Self

from router.ledger.cubes import ATTEMPT_MEASURES, MAIN, REQUEST_MEASURES, SAVED_BY, Cube
from router.ledger.dimensions import column, cube_for, is_tag, matching
from router.ledger.periods import Period
from router.ledger.pieces import Asked, grouped
from router.ledger.sqlite import LedgerError, connect_reader

Every = Literal["hour", "day"]


@dataclass(frozen=True, slots=True)
class AttemptSums:
    """Of the attempts of a group, the thrown-away ones too; every figure counts where the attempt ran.

    input_tokens: without the cached ones. estimated: whose tokens were counted here. unseen: settled at their
    reservation, their tokens unknown. cost_nusd: of those whose cost is known; unknown_cost: how many are not.
    rejected, wasted_nusd: drafts thrown away, and what they cost.
    """

    attempts: int = 0
    rejected: int = 0
    escalations: int = 0
    fallbacks: int = 0
    input_tokens: int = 0
    cached_input_tokens: int = 0
    output_tokens: int = 0
    reasoning_tokens: int = 0
    estimated: int = 0
    unseen: int = 0
    cost_nusd: int = 0
    unknown_cost: int = 0
    wasted_nusd: int = 0


@dataclass(frozen=True, slots=True)
class RequestSums:
    """Of the requests of a group, each counted once, where it was answered.

    errors: status 400 and above but 499, which is left_early. duration_ns, ttft_ns, overhead_ns: added up over all,
    over ttft_known, over overhead_known requests. baseline_nusd: over baseline_known requests. saved_nusd: by reason.
    """

    requests: int = 0
    errors: int = 0
    left_early: int = 0
    duration_ns: int = 0
    ttft_ns: int = 0
    ttft_known: int = 0
    overhead_ns: int = 0
    overhead_known: int = 0
    baseline_nusd: int = 0
    baseline_known: int = 0
    saved_routing_nusd: int = 0
    saved_cascade_nusd: int = 0
    saved_exact_nusd: int = 0
    saved_semantic_nusd: int = 0
    saved_prefix_nusd: int = 0

    @property
    def saved_nusd(self) -> dict[str, int]:
        """By reason; below 0 where more was spent than without it."""
        return {reason: getattr(self, f"saved_{reason}_nusd") for reason in SAVED_BY}


@dataclass(frozen=True, slots=True)
class Sums:
    """One group. by: its value for each dimension, "" where it has none. start_ns: of its hour or day (UTC, Unix time).

    requests: None where grouped by what only an attempt has (`replica`, `kind`, `end`).
    """

    by: Mapping[str, str]
    start_ns: int | None
    attempts: AttemptSums
    requests: RequestSums | None

    def __add__(self, other: "Sums") -> Self:
        return self._with(other, add)

    def __sub__(self, other: "Sums") -> Self:
        return self._with(other, sub)

    @property
    def empty(self) -> bool:
        return self.attempts == AttemptSums() and self.requests in (None, RequestSums())

    def _with(self, other: "Sums", how: Any) -> Self:
        both = self.requests is not None and other.requests is not None
        return replace(
            self,
            attempts=_each(how, self.attempts, other.attempts),
            requests=_each(how, self.requests, other.requests) if both else None,
        )


def sums(
    path: Path,
    by: Sequence[str] = (),
    *,
    since_ns: int | None = None,
    until_ns: int | None = None,
    where: Mapping[str, str] | None = None,
    every: Every | None = None,
) -> list[Sums]:
    """What started from `since_ns` to just before `until_ns` (Unix time), the dearest group first; in order of time
    and then cost with `every`.

    by, where: of `DIMENSIONS`. `replica`, `kind` and `end` go together with team, tier and model; one tag with team
    and tier. Edges on whole hours are fast; inside an hour its rows are read too, while they are kept.
    Requests under way are not in it. Blocks: call it off the event loop. Raises LedgerError where there is no ledger
    or the dimensions do not go together.
    """
    where = where or {}
    period = Period(since_ns, until_ns)
    cube = cube_for({*by, *where})
    with closing(connect_reader(path)) as connection:
        try:
            connection.execute("BEGIN")  # all parts see the same moment
            rows = _read(connection, cube, by, where, period, every)
            if any(is_tag(name) and name not in where for name in by):
                rows += _untagged(connection, rows, by, where, period, every)
        except sqlite3.Error as error:
            raise LedgerError(f"{path}: {error}") from error
    found = [row for row in rows if not row.empty]
    return sorted(found, key=lambda row: (row.start_ns or 0, -row.attempts.cost_nusd, *row.by.values()))


def total(rows: Iterable[Sums]) -> Sums:
    """All of them together."""
    whole = Sums({}, None, AttemptSums(), RequestSums())
    for row in rows:
        whole = whole + row
    return whole


def _read(
    connection: sqlite3.Connection,
    cube: Cube,
    by: Sequence[str],
    where: Mapping[str, str],
    period: Period,
    every: Every | None,
) -> list[Sums]:
    asked = Asked(cube, tuple(map(column, by)), matching(where, by), cube.measures, every)
    return [_made(cube, by, row) for row in grouped(connection, asked, period)]


def _untagged(
    connection: sqlite3.Connection,
    tagged: Sequence[Sums],
    by: Sequence[str],
    where: Mapping[str, str],
    period: Period,
    every: Every | None,
) -> list[Sums]:
    """What has no such tag: everything without what has."""
    others = [name for name in by if not is_tag(name)]
    rest = {}
    for row in _read(connection, MAIN, others, where, period, every):
        rest[tuple(row.by.values()), row.start_ns] = row
    for row in tagged:
        place = tuple(row.by[name] for name in others), row.start_ns
        rest[place] = rest[place] - row
    return [replace(row, by={name: row.by.get(name, "") for name in by}) for row in rest.values()]


def _made(cube: Cube, by: Sequence[str], row: Sequence[Any]) -> Sums:
    values, start_s, figures = row[: len(by)], row[len(by)], row[len(by) + 1 :]
    known = dict(zip(cube.measures, figures, strict=True))
    return Sums(
        dict(zip(by, values, strict=True)),
        None if start_s is None else start_s * 1_000_000_000,
        AttemptSums(**{name: known[name] for name in ATTEMPT_MEASURES}),
        RequestSums(**{name: known[name] for name in REQUEST_MEASURES}) if cube.requests else None,
    )


def _each(how: Any, one: Any, other: Any) -> Any:
    return type(one)(*(how(getattr(one, field.name), getattr(other, field.name)) for field in fields(one)))
