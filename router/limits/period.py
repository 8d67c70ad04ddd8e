"""Calendar periods: when a budget's day, week or month began and when it ends, in its time zone."""

from datetime import UTC, datetime, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

from router.limits.state import Period


class Span(NamedTuple):
    """From `starts_ns` to just before `ends_ns`, Unix time. name: the first day, such as 2026-11-01."""

    starts_ns: int
    ends_ns: int
    name: str


def span(period: Period, timezone: str, now_ns: int) -> Span:
    """The period that holds the moment; local midnights, so a day may have 23 or 25 hours."""
    zone = UTC if timezone == "UTC" else ZoneInfo(timezone)
    today = datetime.fromtimestamp(now_ns // 1_000_000_000, zone).replace(hour=0, minute=0, second=0, tzinfo=None)
    first, following = _days(period, today)
    return Span(_unix_ns(first, zone), _unix_ns(following, zone), f"{first:%Y-%m-%d}")


def _days(period: Period, today: datetime) -> tuple[datetime, datetime]:
    """The first local day of the period, and of the one after it."""
    if period == "day":
        return today, today + timedelta(days=1)
    if period == "week":
        monday = today - timedelta(days=today.weekday())
        return monday, monday + timedelta(days=7)
    first = today.replace(day=1)
    return first, (first + timedelta(days=32)).replace(day=1)


def _unix_ns(local: datetime, zone: ZoneInfo | object) -> int:
    return int(local.replace(tzinfo=zone).timestamp()) * 1_000_000_000  # type: ignore[arg-type]


class Calendar:
    """The present periods, worked out once for each kind and time zone."""

    def __init__(self) -> None:
        self._spans: dict[tuple[Period, str], Span] = {}

    def span(self, period: Period, timezone: str, now_ns: int) -> Span:
        known = self._spans.get((period, timezone))
        if known is None or not known.starts_ns <= now_ns < known.ends_ns:
            known = self._spans[period, timezone] = span(period, timezone, now_ns)
        return known
