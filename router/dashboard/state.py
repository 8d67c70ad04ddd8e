"""What a page shows, as its address says it: period, filters, grouping. The address is the whole state."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlencode

from router.errors import bad_request

HOUR_S = 3600
DAY_S = 86_400
PERIODS = {"24h": "24 hours", "7d": "7 days", "30d": "30 days", "90d": "90 days", "month": "This month"}
DEFAULT_PERIOD = "7d"
FILTERS = ("team", "key", "user", "tier", "model", "asked", "decision", "policy", "cache", "status")
DIMENSIONS = {
    "team": "Team", "key": "Key", "user": "User", "tier": "Tier", "model": "Model served", "asked": "Model asked for",
    "decision": "Rule", "policy": "Policy", "cache": "Cache result", "status": "Status",
}  # fmt: skip
_LONGEST_S = 800 * DAY_S
_MOST_FILTERS = 12


@dataclass(frozen=True, slots=True)
class Period:
    """From `since` to just before `until`, Unix seconds on whole hours; days are UTC. name: the choice, or `custom`."""

    name: str
    since: int
    until: int

    @property
    def before(self) -> "Period":
        """As long, whole days earlier, so that hours and, over a week, weekdays agree; for a month the one before."""
        span = self.until - self.since
        if self.name == "month":
            first = datetime.fromtimestamp(self.since - DAY_S, UTC).replace(day=1)
            return Period("before", int(first.timestamp()), int(first.timestamp()) + span)
        earlier = -(-span // DAY_S) * DAY_S
        return Period("before", self.since - earlier, self.until - earlier)

    @property
    def step(self) -> int:
        """Seconds of one point of a chart: hours up to four days, then days."""
        return HOUR_S if self.until - self.since <= 4 * DAY_S else DAY_S

    @property
    def label(self) -> str:
        return PERIODS.get(self.name, "The chosen days")


@dataclass(frozen=True, slots=True)
class State:
    """filters: dimension (or `tag.NAME`) to the value asked for. extra: the page's own choices, such as `by`."""

    period: Period
    filters: Mapping[str, str]
    extra: Mapping[str, str]

    def query(self, **changes: Any) -> str:
        """The query string of this state with `changes`; a change to None drops the choice."""
        chosen: dict[str, Any] = {**self._period_choice(), **self.filters, **self.extra}
        chosen.update(changes)
        kept = {name: value for name, value in chosen.items() if value not in (None, "")}
        return f"?{urlencode(kept)}" if kept else "?"

    def narrowed(self, **filters: str) -> "State":
        return replace(self, filters={**self.filters, **filters})

    def only(self, names: Iterable[str]) -> "State":
        """Without the filters that a page cannot answer."""
        kept = set(names)
        return replace(self, filters={name: value for name, value in self.filters.items() if name in kept})

    def _period_choice(self) -> dict[str, Any]:
        if self.period.name != "custom":
            return {} if self.period.name == DEFAULT_PERIOD else {"period": self.period.name}
        return {"from": self.extra.get("from"), "to": self.extra.get("to")}


def read_state(query: Mapping[str, str], now: float) -> State:
    """Raises ApiError 400 that names the parameter which is wrong."""
    filters = {
        name: value[:200]
        for name, value in query.items()
        if value and (name in FILTERS or re.fullmatch(r"tag\.[\w.\-]{1,64}", name))
    }
    if len(filters) > _MOST_FILTERS:
        raise bad_request(f"Too many filters: found {len(filters)}, allowed: {_MOST_FILTERS}.")
    extra = {
        name: value[:200]
        for name, value in query.items()
        if name not in filters and name != "period" and re.fullmatch(r"[a-z_]{1,24}", name)
    }
    return State(_period(query, now), filters, extra)


def _period(query: Mapping[str, str], now: float) -> Period:
    if query.get("from") or query.get("to"):
        return _days(query, now)
    name = query.get("period") or DEFAULT_PERIOD
    if name not in PERIODS:
        raise bad_request(f"Invalid 'period': found '{name[:40]}', allowed: {', '.join(PERIODS)}, or from and to.")
    until = (int(now) // HOUR_S + 1) * HOUR_S
    if name == "24h":
        return Period(name, until - DAY_S, until)
    today = datetime.fromtimestamp(now, UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    first = today.replace(day=1) if name == "month" else today - timedelta(days=int(name[:-1]) - 1)
    return Period(name, int(first.timestamp()), until)


def _days(query: Mapping[str, str], now: float) -> Period:
    first = _day("from", query.get("from") or query.get("to") or "")
    last = _day("to", query.get("to") or f"{datetime.fromtimestamp(now, UTC):%Y-%m-%d}")
    until = last + timedelta(days=1)
    if not 0 < (until - first).total_seconds() <= _LONGEST_S:
        found = f"{first:%Y-%m-%d} to {last:%Y-%m-%d}"
        raise bad_request(f"Invalid 'from' and 'to': found {found}, allowed: 1 to 800 days.")
    return Period("custom", int(first.timestamp()), int(until.timestamp()))


def _day(name: str, text: str) -> datetime:
    try:
        return datetime.strptime(text, "%Y-%m-%d").replace(tzinfo=UTC)
    except ValueError:
        raise bad_request(f"Invalid '{name}': found '{text[:40]}', allowed: a day such as 2026-11-21.") from None
