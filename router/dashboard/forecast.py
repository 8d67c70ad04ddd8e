"""The forecast of a month's spend: the weekday pattern of the last weeks, with a band."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import sqrt
from statistics import fmean, stdev

_FEWEST_DAYS = 3
_P90 = 1.2816  # of a standard normal: four of five outcomes lie between P10 and P90


@dataclass(frozen=True, slots=True)
class Forecast:
    """Cumulated, one value a remaining day; the last is the month's. In the unit of what was given."""

    middle: list[float]
    low: list[float]
    high: list[float]


def forecast(past: Sequence[float], spent: float, today_left: float, weekdays: Sequence[int]) -> Forecast | None:
    """None with less than three whole days behind.

    past: spend of each whole day before today, oldest first, the last one yesterday. spent: of this month so far.
    today_left: share of today still to come. weekdays: today's and each later day's of the month, Monday 0.

    A day is expected to cost the mean of the last 28 days times its weekday's factor (from two weeks on); days vary
    independently, so the band's width grows with the root of the days that remain.
    """
    recent = list(past[-28:])
    if len(recent) < _FEWEST_DAYS or not weekdays:
        return None
    mean = fmean(recent)
    factors = _factors(recent, (weekdays[0] - len(recent)) % 7, mean)
    expected = [factors[day] * mean for day in weekdays]
    expected[0] *= today_left
    first = (weekdays[0] - len(recent)) % 7
    spread = stdev(value - factors[(first + place) % 7] * mean for place, value in enumerate(recent))
    middle, low, high, so_far = [], [], [], spent
    for place, value in enumerate(expected):
        so_far += value
        width = _P90 * spread * sqrt(place + today_left)
        middle.append(so_far)
        low.append(max(spent, so_far - width))
        high.append(so_far + width)
    return Forecast(middle, low, high)


def _factors(recent: Sequence[float], first_weekday: int, mean: float) -> list[float]:
    """Each weekday's mean over the mean of all; 1 while there are less than two of each."""
    if len(recent) < 14 or not mean:
        return [1.0] * 7
    days: list[list[float]] = [[] for _ in range(7)]
    for place, value in enumerate(recent):
        days[(first_weekday + place) % 7].append(value)
    return [fmean(values) / mean for values in days]
