"""Seeds: what budgets had spent before this gateway began to count, read from the ledger's sums."""

from collections.abc import Iterable, Iterator
from pathlib import Path

from router.ledger.sums import Sums, sums
from router.limits.meters import Meter, meters
from router.limits.period import Calendar
from router.limits.rules import EACH, Budget, Scope
from router.limits.store import Total


def seeds(ledger: Path, budgets: Iterable[Budget], *, now_ns: int) -> Iterator[tuple[Meter, Total]]:
    """Each pot that something was spent from in its present period before `now_ns`, once. Blocks.

    An attempt counts in the period that it began in. Raises LedgerError where the ledger cannot be read.
    """
    calendar = Calendar()
    done: set[str] = set()
    for budget in budgets:
        period = calendar.span(budget.period, budget.timezone, now_ns)
        by = _dimension(budget.scope)
        for row in sums(ledger, by, since_ns=period.starts_ns, until_ns=now_ns):
            value = row.by[by[0]] if by else ""
            if not _covers(budget.scope, value):
                continue
            (meter,) = meters([(budget.scope._replace(value=value), budget)], calendar, now_ns)
            if meter.pot not in done:
                done.add(meter.pot)
                yield meter, _spent(row, budget)


def _dimension(scope: Scope) -> tuple[str, ...]:
    if scope.kind == "org":
        return ()
    return (f"tag.{scope.tag}" if scope.kind == "tag" else scope.kind,)


def _covers(scope: Scope, value: str) -> bool:
    return scope.value == value or (scope.value == EACH and value != "")


def _spent(row: Sums, budget: Budget) -> Total:
    spent = row.attempts
    if budget.unit == "tokens":
        return Total(spent.input_tokens + spent.cached_input_tokens + spent.output_tokens)
    return Total(spent.cost_nusd, unpriced=spent.unknown_cost)
