"""A retry budget: re-dispatches stay a small share of a tier's recent traffic."""

import math
from collections.abc import Callable
from dataclasses import dataclass

# What happened so many seconds ago counts 1/e; a burst is forgotten in about twice that.
_MEMORY_S = 10.0
_SOON_S = 0.1


@dataclass(frozen=True, slots=True)
class RetryShare:
    """share: re-dispatches as a share of recent first dispatches. min_per_s: so many a second are always allowed."""

    share: float = 0.1
    min_per_s: float = 10.0


class RetryBudget:
    """Counts what a tier was sent, first tries and re-dispatches apart, fading with time.

    As in Finagle a re-dispatch is allowed while there are fewer of them than a share of the traffic; a floor lets a
    quiet gateway retry at all.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._at = clock()
        self._first = 0.0
        self._again = 0.0

    def sent(self) -> None:
        """A first try was dispatched."""
        if self._clock() - self._at > _SOON_S:
            self._fade()
        self._first += 1

    def take(self, allowed: RetryShare) -> bool:
        """Whether one more re-dispatch may go; it is counted where it may."""
        self._fade()
        most = max(allowed.share * self._first, allowed.min_per_s * _MEMORY_S)
        if self._again + 1 > most:
            return False
        self._again += 1
        return True

    def _fade(self) -> None:
        now = self._clock()
        faded = math.exp((self._at - now) / _MEMORY_S)
        self._first *= faded
        self._again *= faded
        self._at = now
