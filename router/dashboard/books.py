"""The ledger as a viewer may read it: every question is bound to the viewer's team before it is asked."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from operator import attrgetter
from pathlib import Path

from router.dashboard.state import DAY_S, HOUR_S, Period
from router.errors import bad_request, forbidden
from router.ledger.sqlite import LedgerError
from router.ledger.sums import Sums, sums, total

NS = 1_000_000_000


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
    """team: the only one that is read, None for all. Every method blocks and opens a connection of its own."""

    path: Path
    team: str | None
    zone: tzinfo

    def sums(
        self, period: Period, by: Sequence[str] = (), where: Mapping[str, str] | None = None
    ) -> list[Sums]:
        """The dearest group first. Raises ApiError 400 where the dimensions do not go together."""
        return self._sums(period, by, where, None)

    def whole(self, period: Period, where: Mapping[str, str] | None = None) -> Sums:
        return total(self.sums(period, (), where))

    def lines(
        self, period: Period, by: Sequence[str] = (), where: Mapping[str, str] | None = None, *, most: int = 7
    ) -> Lines:
        """One line a group over the period's steps; what is past the `most` dearest is put together as `other`."""
        local_days = period.step == DAY_S and self.zone is not UTC
        rows = self._sums(period, by, where, "day" if period.step == DAY_S and not local_days else "hour")
        times = steps(period, self.zone)
        found: dict[tuple[str, ...], dict[int, Sums]] = {}
        for row in rows:
            at = self._start(row.start_ns or 0, period.step)
            mine = found.setdefault(tuple(row.by.values()), {})
            mine[at] = mine[at] + row if at in mine else row
        ranked = sorted(found, key=lambda group: (-sum(s.attempts.cost_nusd for s in found[group].values()), group))
        empty = total(())
        groups = {group: [found[group].get(at, empty) for at in times] for group in ranked[:most]}
        if rest := ranked[most:]:
            other = tuple("other" for _ in by)
            groups[other] = [total(found[group][at] for group in rest if at in found[group]) for at in times]
        return Lines(times, period.step, groups)

    def bound(self, where: Mapping[str, str] | None) -> dict[str, str]:
        """`where`, narrowed to the viewer's team. Raises ApiError 403 where it asks for another one's."""
        asked = dict(where or {})
        if self.team is None:
            return asked
        if asked.get("team", self.team) != self.team:
            raise forbidden("This key sees the figures of its own team only.")
        return {**asked, "team": self.team}

    def _sums(
        self, period: Period, by: Sequence[str], where: Mapping[str, str] | None, every: str | None
    ) -> list[Sums]:
        try:
            return sums(
                self.path, by, since_ns=period.since * NS, until_ns=period.until * NS, where=self.bound(where),
                every=every,  # type: ignore[arg-type]
            )  # fmt: skip
        except LedgerError as error:
            raise bad_request(f"These figures cannot be put together: {error}.") from error

    def _start(self, start_ns: int, step: int) -> int:
        at = start_ns // NS
        if step == HOUR_S or self.zone is UTC:
            return at
        return int(datetime.fromtimestamp(at, self.zone).replace(hour=0, minute=0).timestamp())


def steps(period: Period, zone: tzinfo) -> list[int]:
    """The starts of a period's steps, in hours or in the zone's own days."""
    if period.step == HOUR_S:
        return list(range(period.since, period.until, HOUR_S))
    first = datetime.fromtimestamp(period.since, zone).replace(hour=0, minute=0)
    made, at = [], first
    while at.timestamp() < period.until:
        made.append(int(at.timestamp()))
        at += timedelta(days=1)
    return made


cost_nusd = attrgetter("attempts.cost_nusd")


def usd(nusd: int | None) -> float | None:
    """For drawing and tables; the exact figure is the ledger's."""
    return None if nusd is None else nusd / NS


def tokens(row: Sums) -> int:
    """All tokens that the group's attempts read and wrote."""
    a = row.attempts
    return a.input_tokens + a.cached_input_tokens + a.output_tokens


