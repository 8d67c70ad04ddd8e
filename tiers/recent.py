"""The median of the last few durations; unknown until there is one."""

from collections import deque
from statistics import median


class Recent:
    """Keeps the last `size` durations in seconds; their median is worked out once per change."""

    def __init__(self, size: int = 64) -> None:
        self._values: deque[float] = deque(maxlen=size)
        self._median: float | None = None
        self._stale = False

    def add(self, seconds: float) -> None:
        self._values.append(seconds)
        self._stale = True

    @property
    def median(self) -> float | None:
        if self._stale:
            self._median = median(self._values)
            self._stale = False
        return self._median
