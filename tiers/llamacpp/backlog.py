"""The backlog: how much work is with the worker, when there is too much, and when to come again."""

import contextlib
from collections import deque
from collections.abc import Callable, Iterator

from tiers.errors import Overloaded

REMEMBERED = 64  # ends of answers that the rate is taken from
SHORTEST_WAIT_S = 0.1


class Backlog:
    """Counts answers under way against a capacity: those in slots and those allowed to wait."""

    def __init__(self, *, slots: int, max_waiting: int, clock: Callable[[], float]) -> None:
        self._capacity = slots + max_waiting
        self._clock = clock
        self._under_way = 0
        self._ends_s: deque[float] = deque(maxlen=REMEMBERED)

    @contextlib.contextmanager
    def place(self, answers: int) -> Iterator[None]:
        """Hold a place for each of `answers`. Raises Overloaded where there are too few; an idle engine takes any."""
        excess = self._under_way + answers - self._capacity
        if self._under_way and excess > 0:
            raise Overloaded(
                f"{self._under_way} answers are under way or waiting and {self._capacity} are allowed; "
                "`limits.max_waiting` sets how many may wait",
                status=503,
                retry_after_s=self._wait_s(excess),
            )
        self._under_way += answers
        try:
            yield
        finally:
            self._under_way -= answers
            self._ends_s.extend([self._clock()] * answers)

    def _wait_s(self, excess: int) -> float | None:
        """Seconds until `excess` answers will have ended at the rate of the last ones; None while there is no rate."""
        if len(self._ends_s) < 2:
            return None
        per_answer_s = (self._clock() - self._ends_s[0]) / (len(self._ends_s) - 1)
        return max(SHORTEST_WAIT_S, excess * per_answer_s)
