"""The rate of a limit: GCRA, the generic cell rate algorithm, with a burst of one minute.

A limit's whole state is its theoretical arrival time, the moment at which it would be idle again (Unix microseconds):

    interval = 60 s / limit                 what one request or one token costs
    after    = max(tat, now) + cost x interval
    allowed  = after - now <= 60 s

The same arithmetic, on the same double-precision numbers, stands in script.lua.
"""

import math
from typing import NamedTuple

MINUTE_US = 60_000_000


class Rate(NamedTuple):
    """A limit after a charge was judged. remaining: requests or tokens. reset_us: until it is full again.

    wait_us: until the charge would pass; 0 where it did.
    """

    remaining: int
    reset_us: int
    wait_us: int


def charged(tat: float, now_us: int, per_minute: int, cost: int) -> float:
    """The arrival time after a charge; a negative cost gives back."""
    return max(tat, float(now_us)) + cost * (MINUTE_US / per_minute)


def allows(after: float, now_us: int) -> bool:
    return after - now_us <= MINUTE_US


def rate(tat: float, now_us: int, per_minute: int, *, refused: float | None = None) -> Rate:
    """What a caller is told. refused: the arrival time that was too late, None where the charge passed."""
    used_us = max(0.0, tat - now_us)
    remaining = max(0, math.floor((MINUTE_US - used_us) / (MINUTE_US / per_minute)))
    wait_us = 0 if refused is None else math.ceil(refused - now_us - MINUTE_US)
    return Rate(remaining, math.ceil(used_us), wait_us)
