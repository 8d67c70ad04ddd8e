"""A bound on the quality lost: which settings lose at most so much, with a stated confidence.

Risk control by testing (Angelopoulos, Bates et al., "Learn then Test", 2021): settings are tested from the strictest
on, and the testing stops at the first that cannot be shown to hold, so that the confidence holds for the one chosen, of
however many. Valid for rows that are exchangeable with the traffic to come and that nothing was fitted to.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Doubles = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Bounded:
    """setting: the place of the laxest setting that holds. lost: its mean loss on the rows."""

    setting: int
    lost: float


def laxest(losses: Iterable[Doubles], limit: float, confidence: float = 0.95) -> Bounded | None:
    """The last setting, of those from the strictest to the laxest, whose true mean loss is at most `limit`.

    losses: for each setting (rows,), in [0, 1]; asked for no further than is tested. None where not even the
    first can be shown to hold.
    """
    chosen = None
    for place, found in enumerate(losses):
        mean = float(found.mean())
        if chance_of(mean, len(found), limit) > 1.0 - confidence:
            break
        chosen = Bounded(place, mean)
    return chosen


def chance_of(mean: float, rows: int, limit: float) -> float:
    """At most how likely so low a mean loss is where the true one is over `limit`: Hoeffding's and Bentkus's bound.

    After Bates et al., "Distribution-free, risk-controlling prediction sets" (2021), for losses in [0, 1].
    """
    if rows == 0 or mean >= limit or limit <= 0.0:
        return 1.0
    if limit >= 1.0:
        return 0.0
    hoeffding = math.exp(-rows * _divergence(mean, limit))
    return min(1.0, hoeffding, math.e * _binomial_at_most(math.ceil(rows * mean), rows, limit))


def _divergence(a: float, b: float) -> float:
    """Kullback and Leibler's, of a coin of chance `a` from one of chance `b`."""
    first = a * math.log(a / b) if a > 0.0 else 0.0
    return first + (1.0 - a) * math.log((1.0 - a) / (1.0 - b))


def _binomial_at_most(count: int, rows: int, chance: float) -> float:
    """P(at most `count` of `rows`), each of this chance; summed as logarithms, so that many rows do no harm."""
    term = rows * math.log1p(-chance)
    odds = math.log(chance) - math.log1p(-chance)
    total = math.exp(term)
    for k in range(1, count + 1):
        term += math.log((rows - k + 1) / k) + odds
        total += math.exp(term)
    return min(1.0, total)
