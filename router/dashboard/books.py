"""The ledger as a viewer may read it: every question is bound to the viewer's team before it is asked.

Hours and days are UTC, as everywhere in the ledger.
"""

import logging
import sqlite3
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, TypeVar

from router.dashboard.state import DAY_S, Period
from router.errors import ApiError, bad_request, forbidden
from router.ledger import read
from router.ledger.latency import Latency, Measure, latency
from router.ledger.sqlite import LedgerError
from router.ledger.sums import Sums, sums, total

_log = logging.getLogger(__name__)

NS = 1_000_000_000
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Lines:
    """Sums over time. times: Unix seconds of each step. groups: the dearest first; a step without traffic is empty."""

    times: list[int]
    step: int
    groups: dict[tuple[str, ...], list[Sums]]

    @property
    def unit(self) -> str:
        return "day" if self.step == DAY_S else "hour"

    def total(self) -> list[Sums]:
        return [total(row) for row in zip(*self.groups.values(), strict=True)] or [total(())] * len(self.times)


@dataclass(frozen=True, slots=True)
class Books:
    """Made for one page. team: the only one that is read, None for all. Every method blocks.

    A question that the page asks twice is answered once; each has a read-only connection of its own.
    """

    path: Path
    team: str | None
    _answers: dict[Any, Any] = field(default_factory=dict)

    def sums(self, period: Period, by: Sequence[str] = (), where: Mapping[str, str] | None = None) -> list[Sums]:
        """The dearest group first. Raises ApiError 400 where the dimensions do not go together."""
        return self._sums(period, by, where, None)

    def whole(self, period: Period, where: Mapping[str, str] | None = None) -> Sums:
        return total(self.sums(period, (), where))

    def lines(
        self, period: Period, by: Sequence[str] = (), where: Mapping[str, str] | None = None, *, most: int = 7
    ) -> Lines:
        """One line a group over the period's steps; what is past the `most` dearest is put together as `other`."""
        rows = self._sums(period, by, where, "day" if period.step == DAY_S else "hour")
        times = list(range(period.since // period.step * period.step, period.until, period.step))
        found: dict[tuple[str, ...], dict[int, Sums]] = {}
        for row in rows:
            found.setdefault(tuple(row.by.values()), {})[(row.start_ns or 0) // NS] = row
        ranked = sorted(found, key=lambda group: (-sum(s.attempts.cost_nusd for s in found[group].values()), group))
        empty = total(())
        groups = {group: [found[group].get(at, empty) for at in times] for group in ranked[:most]}
        if rest := ranked[most:]:
            other = tuple("other" for _ in by)
            groups[other] = [total(found[group][at] for group in rest if at in found[group]) for at in times]
        return Lines(times, period.step, groups)

    def once(self, name: str, question: Callable[[Path], T]) -> T:
        """Another part's question about the whole fleet, answered once for this page; not for a viewer with a team."""
        if self.team is not None:
            raise forbidden("This key sees the figures of its own team only.")
        return self.shared(name, lambda: _asked(lambda: question(self.path)))

    def shared(self, name: str, made: Callable[[], T]) -> T:
        """What several parts of this page need, made once."""
        if name not in self._answers:
            self._answers[name] = made()
        found: T = self._answers[name]
        return found

    def bound(self, where: Mapping[str, str] | None) -> dict[str, str]:
        """`where`, narrowed to the viewer's team. Raises ApiError 403 where it asks for another one's."""
        asked = dict(where or {})
        if self.team is None:
            return asked
        if asked.get("team", self.team) != self.team:
            raise forbidden("This key sees the figures of its own team only.")
        return {**asked, "team": self.team}

    def percentiles(self, period: Period, measure: Measure, where: Mapping[str, str] | None = None) -> list[Latency]:
        """One an hour or a day, those without requests left out."""
        return _asked(
            lambda: latency(
                self.path, measure, since_ns=period.since * NS, until_ns=period.until * NS, where=self.bound(where),
                every="day" if period.step == DAY_S else "hour",
            )
        )  # fmt: skip

    def requests(
        self, period: Period, where: Mapping[str, str] | None = None, *, limit: int = 50, before: str | None = None
    ) -> read.Page:
        """Newest first."""
        return _asked(
            lambda: read.requests(
                self.path, limit=limit, before=before, since_ns=period.since * NS, until_ns=period.until * NS,
                where=self.bound(where),
            )
        )  # fmt: skip

    def request(self, request_id: str) -> dict[str, Any] | None:
        """One with its attempts; None where there is none, or it is another team's."""
        found = _asked(lambda: read.request(self.path, request_id))
        return found if found is not None and self.team in (None, found["team"]) else None

    def _sums(
        self, period: Period, by: Sequence[str], where: Mapping[str, str] | None, every: Literal["hour", "day"] | None
    ) -> list[Sums]:
        since_ns, until_ns = period.since * NS, period.until * NS
        bound = self.bound(where)
        key = (since_ns, until_ns, tuple(by), every, tuple(sorted(bound.items())))
        if key not in self._answers:
            self._answers[key] = _asked(
                lambda: sums(self.path, by, since_ns=since_ns, until_ns=until_ns, where=bound, every=every)
            )
        found: list[Sums] = self._answers[key]
        return found


def _asked(question: Callable[[], T]) -> T:
    """Raises ApiError 400 for what does not go together, 503 where the file cannot be read."""
    try:
        return question()
    except LedgerError as error:
        if isinstance(error.__cause__, sqlite3.Error):
            _log.error("the dashboard cannot read the ledger: %s", error)
            raise ApiError(503, "The ledger cannot be read at the moment; the log says why.") from error
        raise bad_request(f"These figures cannot be put together: {error}.") from error


def usd(nusd: int | None) -> float | None:
    """For drawing and tables; the exact figure is the ledger's."""
    return None if nusd is None else nusd / NS


def tokens(row: Sums) -> int:
    """All tokens that the group's attempts read and wrote."""
    a = row.attempts
    return a.input_tokens + a.cached_input_tokens + a.output_tokens
