"""Meters: the pots that a request is counted in."""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass

from router.limits.period import Calendar, Span
from router.limits.rules import Budget, Scope
from router.limits.state import OnExceed, Period, Unit
from router.limits.store import Draw

_LONGEST = 120


@dataclass(frozen=True, slots=True)
class Meter:
    """One pot: what a scope spends of a unit in a period, and the budgets that look at it.

    cap: the least limit that rejects, None where none does.
    """

    pot: str
    scope: Scope
    unit: Unit
    period: Period
    timezone: str
    span: Span
    budgets: tuple[Budget, ...]
    cap: int | None

    def draw(self, amount: int) -> Draw:
        return Draw(self.pot, amount, self.cap, self.span.ends_ns)

    def least(self, on_exceed: OnExceed) -> int | None:
        """The least limit of the budgets that would do that; None where there is none."""
        return min((budget.limit for budget in self.budgets if budget.on_exceed == on_exceed), default=None)


def meters(found: Iterable[tuple[Scope, Budget]], calendar: Calendar, now_ns: int) -> tuple[Meter, ...]:
    """Budgets of one scope, unit and period share a meter."""
    together: dict[tuple[Scope, Unit, Period, str], list[Budget]] = {}
    for scope, budget in found:
        together.setdefault((scope, budget.unit, budget.period, budget.timezone), []).append(budget)
    return tuple(
        _meter(scope, unit, period, timezone, calendar.span(period, timezone, now_ns), tuple(budgets))
        for (scope, unit, period, timezone), budgets in together.items()
    )


def _meter(scope: Scope, unit: Unit, period: Period, timezone: str, span: Span, budgets: tuple[Budget, ...]) -> Meter:
    cap = min((budget.limit for budget in budgets if budget.on_exceed == "reject"), default=None)
    name = f"{counted_as(scope)}/{unit}/{period}/{timezone}/{span.name}"
    return Meter(name, scope, unit, period, timezone, span, budgets, cap)


def counted_as(scope: Scope) -> str:
    """The scope in the name of a counter; what callers may choose themselves is kept short."""
    name = str(scope)
    if len(name) <= _LONGEST:
        return name
    return f"{scope.kind}:sha256:{hashlib.sha256(name.encode()).hexdigest()}"
