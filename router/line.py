"""A line: who waits for a place, and who is next."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Generic, Literal, TypeVar

Priority = Literal["low", "normal", "high"]
_LEVELS: dict[Priority, int] = {"low": 0, "normal": 1, "high": 2}
# Within the time that it is ready to wait, a request climbs past every priority.
_CLIMBS = 3.0
T = TypeVar("T")


@dataclass(eq=False, slots=True)
class Waiter(Generic[T]):
    """One that waits. joined: seconds of the clock; patience_s: how long it is ready to wait."""

    item: T
    team: str
    priority: Priority
    joined: float
    patience_s: float

    def urgency(self, now: float) -> float:
        """Its priority's level, and a third of its patience counts as one level more."""
        return _LEVELS[self.priority] + _CLIMBS * (now - self.joined) / self.patience_s


class Line(Generic[T]):
    """Higher priority first; within one, teams take turns, and each team's own go first come, first served.

    Waiting makes urgent, so that low priority is late and never forgotten.
    """

    def __init__(self) -> None:
        self._classes: dict[Priority, dict[str, dict[Waiter[T], None]]] = {"high": {}, "normal": {}, "low": {}}

    def __len__(self) -> int:
        return sum(len(waiters) for teams in self._classes.values() for waiters in teams.values())

    def add(self, waiter: Waiter[T]) -> None:
        self._classes[waiter.priority].setdefault(waiter.team, {})[waiter] = None

    def remove(self, waiter: Waiter[T]) -> None:
        """It leaves, served or not; one that is not in the line changes nothing."""
        teams = self._classes[waiter.priority]
        if (waiters := teams.get(waiter.team)) is not None:
            waiters.pop(waiter, None)
            if not waiters:
                del teams[waiter.team]

    def serve(self, waiter: Waiter[T]) -> None:
        """It leaves because it got a place: its team goes behind the others of its priority."""
        self.remove(waiter)
        teams = self._classes[waiter.priority]
        if (waiters := teams.pop(waiter.team, None)) is not None:
            teams[waiter.team] = waiters

    def ahead_of(self, priority: Priority) -> int:
        """How many of the same or a higher priority wait."""
        level = _LEVELS[priority]
        return sum(
            len(waiters)
            for name, teams in self._classes.items()
            if _LEVELS[name] >= level
            for waiters in teams.values()
        )

    def order(self, now: float) -> Iterator[Waiter[T]]:
        """Who is next, who after that, ...: each team's first in turn, then their others."""
        heads = [(name, next(iter(next(iter(teams.values()))))) for name, teams in self._classes.items() if teams]
        for name, head in sorted(heads, key=lambda named: -named[1].urgency(now)):
            yield head
            rounds = [list(waiters) for waiters in self._classes[name].values()]
            for turn in range(max(map(len, rounds))):
                yield from (waiters[turn] for waiters in rounds if turn < len(waiters) and waiters[turn] is not head)
