"""Figures as people read them: money, counts, shares, times. None is said as unknown, never as 0."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, Literal

Unit = Literal[
    "text", "usd", "count", "tokens", "share", "seconds", "ms", "time", "hour", "day", "hours", "flag", "ratio"
]

NUMBERS: frozenset[Unit] = frozenset({"usd", "count", "tokens", "share", "seconds", "ms", "hours", "ratio"})
UNKNOWN = "\N{EN DASH}"
_MINUS = "\N{MINUS SIGN}"
_SCALE = ((1_000_000_000, "B"), (1_000_000, "M"), (10_000, "k"))


def show(value: Any, unit: Unit) -> str:
    """One value for a person; None is a dash.

    usd: in USD (not nano-dollars); share: in [0, 1]; time, hour, day: Unix seconds, shown in UTC.
    """
    return UNKNOWN if value is None else _SHOWN[unit](value)


def usd(value: float) -> str:
    """Two decimals from a dollar on, three digits that matter below it."""
    size = abs(value)
    sign = _MINUS if value < 0 else ""
    if size >= 1_000_000:
        return f"{sign}${size / 1e6:,.2f}M"
    if size >= 1000:
        return f"{sign}${size:,.0f}" if size >= 10_000 else f"{sign}${size:,.2f}"
    if size >= 1 or size == 0:
        return f"{sign}${size:.2f}"
    if size < 0.000_000_001:
        return f"{sign}<$0.000000001"
    return f"{sign}${size:.{_significant(size, 3)}f}"


def _significant(size: float, digits: int) -> int:
    """Decimals that keep `digits` digits of a size below 1, at most 9."""
    places = 0
    while size < 1 and places < 9:
        size *= 10
        places += 1
    return min(9, places + digits - 1)


def count(value: float) -> str:
    """Whole below 10,000, then with k, M or B."""
    for least, letter in _SCALE:
        if abs(value) >= least:
            scaled = value / (1000 if letter == "k" else least)
            return f"{scaled:,.1f}{letter}" if abs(scaled) < 100 else f"{scaled:,.0f}{letter}"
    return f"{value:,.0f}" if float(value).is_integer() else f"{value:,.1f}"


def share(value: float) -> str:
    percent = value * 100
    if percent == 0 or abs(percent) >= 10:
        return f"{percent:.0f} %" if abs(percent) >= 99.95 or percent == 0 else f"{percent:.1f} %"
    return f"{percent:.2f} %" if abs(percent) >= 0.01 else "<0.01 %"


def duration(seconds: float) -> str:
    if seconds < 0.001:
        return f"{seconds * 1e6:.0f} µs"
    if seconds < 1:
        return f"{seconds * 1000:.0f} ms" if seconds >= 0.01 else f"{seconds * 1000:.1f} ms"
    if seconds < 120:
        return f"{seconds:.2f} s" if seconds < 10 else f"{seconds:.1f} s"
    if seconds < 7200:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.1f} h" if seconds < 172_800 else f"{seconds / 86_400:.1f} d"


def moment(seconds: float, unit: Unit) -> str:
    at = datetime.fromtimestamp(seconds, UTC)
    if unit == "day":
        return f"{at:%a} {at.day} {at:%b}"
    if unit == "hour":
        return f"{at.day} {at:%b %H:%M}"
    return f"{at.day} {at:%b %H:%M:%S}"


def change(now: float | None, before: float | None) -> float | None:
    """The relative change; None where there is nothing to compare with."""
    if now is None or not before:
        return None
    return (now - before) / abs(before)


def show_change(relative: float | None) -> str:
    """Signed, for beside a figure: `+12.5 %`."""
    if relative is None:
        return "no earlier period"
    if abs(relative) < 0.0005:
        return "no change"
    percent = relative * 100
    return f"{'+' if percent > 0 else _MINUS}{abs(percent):,.{0 if abs(percent) >= 100 else 1}f} %"


def divided(above: float | None, below: float | None) -> float | None:
    """None where either is unknown or there is nothing to divide by."""
    return None if above is None or not below else above / below


_SHOWN: Mapping[Unit, Callable[[Any], str]] = {
    "text": str, "usd": usd, "count": count, "tokens": count, "share": share, "seconds": duration,
    "ms": lambda value: duration(value / 1000), "hours": lambda value: f"{value:,.1f} h",
    "ratio": lambda value: f"{value:.2f}", "flag": lambda value: "yes" if value else "no",
    "time": lambda value: moment(value, "time"), "hour": lambda value: moment(value, "hour"),
    "day": lambda value: moment(value, "day"),
}  # fmt: skip
