"""Meters: the pots that a request is counted in."""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass

from router.limits.period import Calendar, Span
from router.limits.rules import Budget, Counted, Scope
from router.limits.state import OnExceed, Period, Unit
from router.limits.store import Draw

_LONGEST = 120


@dataclass(frozen=True, slots=True)
class Meter:
    """One pot: what a scope spends of a unit in a period, and the budgets that look at it.

    cap: the least limit that rejects, None where none does. floor: the least limit of all.
    """

    pot: str
    counted: Counted
    span: Span
    budgets: tuple[Budget, ...]
    cap: int | None
    floor: int

    @property
    def scope(self) -> Scope:
        return self.counted.scope

    @property
    def unit(self) -> Unit:
        return self.counted.unit

    @property
    def period(self) -> Period:
        return self.counted.period

    @property
    def timezone(self) -> str:
        return self.counted.timezone

    def draw(self, amount: int) -> Draw:
        return Draw(self.pot, amount, self.cap, self.span.ends_ns)

    def least(self, on_exceed: OnExceed) -> int | None:
        """The least limit of the budgets that would do that; None where there is none."""
        return min((budget.limit for budget in self.budgets if budget.on_exceed == on_exceed), default=None)


def meters(found: Iterable[tuple[Scope, Budget]], calendar: Calendar, now_ns: int) -> tuple[Meter, ...]:
    """Budgets of one scope, unit and period share a meter."""
    together: dict[Counted, list[Budget]] = {}
    for scope, budget in found:
        together.setdefault(budget.counted._replace(scope=scope), []).append(budget)
    return tuple(_meter(counted, tuple(budgets), calendar, now_ns) for counted, budgets in together.items())


def _meter(counted: Counted, budgets: tuple[Budget, ...], calendar: Calendar, now_ns: int) -> Meter:
    span = calendar.span(counted.period, counted.timezone, now_ns)
    cap = min((budget.limit for budget in budgets if budget.on_exceed == "reject"), default=None)
    pot = f"{counted_as(counted.scope)}/{counted.unit}/{counted.period}/{counted.timezone}/{span.name}"
    return Meter(pot, counted, span, budgets, cap, min(budget.limit for budget in budgets))


def counted_as(scope: Scope) -> str:
    """The scope in the name of a counter; what callers may choose themselves is kept short."""
    name = str(scope)
    if len(name) <= _LONGEST:
        return name
    return f"{scope.kind}:sha256:{hashlib.sha256(name.encode()).hexdigest()}"
