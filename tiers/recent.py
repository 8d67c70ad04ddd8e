"""What the last few calls took: medians for predictions, means of a window for judging a replica."""

from collections import deque
from statistics import median


class Recent:
    """Keeps the last `size` durations in seconds; their median is worked out again after every eighth of them."""

    def __init__(self, size: int = 64) -> None:
        self._values: deque[float] = deque(maxlen=size)
        self._few = size // 8
        self._new = 0
        self.median: float | None = None

    def add(self, seconds: float) -> None:
        self._values.append(seconds)
        self._new += 1
        if self._new >= self._few or len(self._values) < self._few:
            self._new = 0
            self.median = median(self._values)


class Smoothed:
    """A mean in which each new value counts a tenth; unknown until there is one."""

    __slots__ = ("value",)

    def __init__(self) -> None:
        self.value: float | None = None

    def add(self, value: float) -> None:
        self.value = value if self.value is None else self.value + 0.1 * (value - self.value)


class Window:
    """Values of the last `span_s` seconds, at most `size` of them; their mean where there are at least `least`."""

    def __init__(self, *, span_s: float = 30.0, size: int = 256, least: int = 5) -> None:
        self._span_s = span_s
        self._least = least
        self._values: deque[tuple[float, float]] = deque(maxlen=size)

    def add(self, now: float, value: float) -> None:
        self._values.append((now, value))

    def mean(self, now: float) -> float | None:
        while self._values and self._values[0][0] < now - self._span_s:
            self._values.popleft()
        if len(self._values) < self._least:
            return None
        return sum(value for _, value in self._values) / len(self._values)

    def clear(self) -> None:
        self._values.clear()
