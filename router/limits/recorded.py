"""Budgets as the ledger records them, for commands that look and change nothing."""

import time
from pathlib import Path

from router.limits.allowance import Allowance
from router.limits.memory import MemoryStore
from router.limits.meters import Meter
from router.limits.period import Calendar
from router.limits.plan import Plans
from router.limits.rules import Who
from router.limits.seeds import seeds
from router.limits.state import OnExceed
from router.request import Request


def recorded(request: Request) -> Allowance | None:
    """What the request's budgets would hold now, nothing being reserved; None where there is no budget.

    Reads the ledger of the configuration where there is one. Raises LedgerError where it cannot be read.
    """
    rules, facts, now_ns = request.snapshot.limits, request.facts, time.time_ns()
    if not rules.budgets:
        return None
    store = MemoryStore(lambda: now_ns // 1000)
    ledger = Path(request.snapshot.config.state.ledger_path)
    for meter, spent in seeds(ledger, rules.budgets, now_ns=now_ns) if ledger.is_file() else ():
        store.seed(meter.pot, spent.spent, spent.unpriced, meter.span.ends_ns)
    who = Who(facts.team, facts.key, facts.user, request.tags)
    plan = Plans(Calendar()).plan(rules, who, now_ns)
    return Allowance(store, plan.meters, tokens=(), headers={}, tell=_silently)


def _silently(_meter: Meter, _action: OnExceed) -> None:
    pass
