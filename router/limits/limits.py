"""Limits: what every request is held to before and while it is answered, and how every budget stands."""

import asyncio
import logging
import time
from collections.abc import Callable, Iterable, Mapping, Sequence

from router.errors import ApiError
from router.ledger.ledger import Ledger
from router.ledger.sqlite import LedgerError
from router.limits.allowance import Allowance
from router.limits.expect import charged_tokens
from router.limits.headers import told
from router.limits.meters import Meter, meters
from router.limits.period import Calendar
from router.limits.plan import Plan, Plans, Rated
from router.limits.refusals import too_fast, too_large, uncounted
from router.limits.rules import EACH, Budget, Counted, Rules, Who
from router.limits.seeds import seeds
from router.limits.state import BudgetState, OnExceed
from router.limits.store import Answer, Charge, Store
from router.observe.events import Event, LimitReached, Reloaded
from router.request import Request

_log = logging.getLogger("tiergate")
_MANY = 4096


class Limits:
    """One for each gateway; made by the services.

    ledger: what was spent before. rules: of the configuration that serves now. own: budgets that keys were made with.
    emit: takes events. now_ns: Unix time.
    """

    def __init__(
        self,
        store: Store,
        ledger: Ledger,
        *,
        rules: Callable[[], Rules],
        own: Callable[[], Iterable[Budget]],
        emit: Callable[[LimitReached], None],
        now_ns: Callable[[], int] = time.time_ns,
    ) -> None:
        self._store = store
        self._ledger = ledger
        self._rules = rules
        self._own = own
        self._emit = emit
        self._now_ns = now_ns
        self._calendar = Calendar()
        self._plans = Plans(self._calendar)
        self._meters: dict[str, Meter] = {}  # every one that anything was counted in, by its pot
        self._sweep_at = _MANY
        self._taken_up: set[Counted] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._told: set[tuple[str, OnExceed]] = set()

    async def admit(self, request: Request) -> Allowance | None:
        """Charge the request to its rates; None where nothing is limited.

        Raises ApiError: 429 `rate_limit_exceeded`, or 503 where limits are closed without Redis.
        """
        if request.snapshot.limits.empty and request.principal.own is None:
            return None
        plan = self._plan(request)
        tokens: list[Charge] = []
        headers: dict[str, str] = {}
        if plan.rates:
            counted = charged_tokens(request.facts)
            charges = [rated.charge(counted) for rated in plan.rates]
            headers = await self._charge(plan.rates, charges)
            tokens = [charge for rated, charge in zip(plan.rates, charges, strict=True) if rated.what == "tokens"]
        return Allowance(self._store, plan.meters, tokens=tokens, headers=headers, tell=self._tell)

    def look(self, request: Request) -> Allowance | None:
        """The same without charging anything: for `explain`."""
        if request.snapshot.limits.empty and request.principal.own is None:
            return None
        return Allowance(self._store, self._plan(request).meters, tokens=(), headers={}, tell=_silently)

    async def open(self) -> None:
        """Take up what the ledger says was spent. Raises LedgerError."""
        await self._take_up()
        await self._store.open()

    async def close(self) -> None:
        await asyncio.gather(*self._tasks)
        await self._store.close()

    def __call__(self, event: Event) -> None:
        """A listener: budgets that a reload brings take up what was spent before it."""
        if isinstance(event, Reloaded) and event.ok:
            task = asyncio.get_running_loop().create_task(self._take_up_later())
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    def states(self) -> tuple[BudgetState, ...]:
        """Every budget in its present period: those named in the configuration, and each that `*` or a key's own
        budget has made so far."""
        now_ns = self._now_ns()
        budgets = [*self._rules().budgets, *self._own()]
        named = [(budget.scope, budget) for budget in budgets if budget.scope.value != EACH]
        taken = {scope for scope, _ in named}
        each = [
            (meter.scope, budget)
            for meter in self._meters.values()
            for budget in budgets
            if meter.span.ends_ns > now_ns and meter.scope not in taken and budget.counted == _each(meter)
        ]
        present = meters([*named, *each], self._calendar, now_ns)
        return tuple(self._state(meter, budget) for meter in present for budget in meter.budgets)

    async def _take_up_later(self) -> None:
        try:
            await self._take_up()
        except LedgerError as error:
            _log.error("new budgets begin at 0, what was spent before cannot be read: %s", error)

    async def _take_up(self) -> None:
        """Seed the pots of budgets not seen before with what began before this moment; later attempts count here."""
        before = frozenset(self._taken_up)
        budgets = [budget for budget in [*self._rules().budgets, *self._own()] if budget.counted not in before]
        self._taken_up |= {budget.counted for budget in budgets}
        now_ns = self._now_ns()
        await self._ledger.flush()
        found = await asyncio.to_thread(lambda: list(seeds(self._ledger.path, budgets, now_ns=now_ns)))
        for meter, spent in found:
            if meter.counted not in before and _each(meter) not in before:
                self._know((meter,))
                self._store.seed(meter.pot, spent.spent, spent.unpriced, meter.span.ends_ns)

    def _plan(self, request: Request) -> Plan:
        facts = request.facts
        who = Who(facts.team, facts.key, facts.user, request.tags, request.principal.own)
        plan = self._plans.plan(request.snapshot.limits, who, self._now_ns())
        self._know(plan.meters)
        return plan

    async def _charge(self, rates: Sequence[Rated], charges: Sequence[Charge]) -> dict[str, str]:
        answer = await self._store.ask(charges, ())
        headers = told(rates, answer.rates) if answer.rates else {}
        if not answer.granted:
            raise self._refusal(rates, charges, answer, headers)
        return headers

    def _refusal(
        self, rates: Sequence[Rated], charges: Sequence[Charge], answer: Answer, headers: Mapping[str, str]
    ) -> ApiError:
        """The limit that one waits longest for."""
        if not answer.over:
            return uncounted()
        worst = max(answer.over, key=lambda place: answer.rates[place].wait_us)
        rated, charge = rates[worst], charges[worst]
        self._emit(LimitReached(rated.what, rated.rule, "reject"))
        if charge.cost > charge.per_minute:
            return too_large(rated.scope, charge.cost, charge.per_minute, headers)
        return too_fast(rated.scope, rated.what, charge.per_minute, answer.rates[worst], headers)

    def _know(self, found: Sequence[Meter]) -> None:
        if len(self._meters) >= self._sweep_at:
            now_ns = self._now_ns()
            self._meters = {pot: meter for pot, meter in self._meters.items() if meter.span.ends_ns > now_ns}
            self._told = {(pot, action) for pot, action in self._told if pot in self._meters}
            self._sweep_at = max(_MANY, 2 * len(self._meters))
        for meter in found:
            self._meters[meter.pot] = meter

    def _tell(self, meter: Meter, action: OnExceed) -> None:
        """Every rejection, and once a period that a budget warns or downgrades."""
        if action != "reject":
            if (meter.pot, action) in self._told:
                return
            self._told.add((meter.pot, action))
        rule = next((budget for budget in meter.budgets if budget.on_exceed == action), meter.budgets[0])
        self._emit(LimitReached("budget", str(rule.scope), action))

    def _state(self, meter: Meter, budget: Budget) -> BudgetState:
        total = self._store.total(meter.pot)
        return BudgetState(
            scope=str(meter.scope), unit=meter.unit, period=meter.period, timezone=meter.timezone,
            on_exceed=budget.on_exceed, limit=budget.limit, spent=total.spent, reserved=total.reserved,
            unpriced=total.unpriced, starts_ns=meter.span.starts_ns, ends_ns=meter.span.ends_ns,
            state="unknown" if self._store.away else "exceeded" if total.spent >= budget.limit else "ok",
        )  # fmt: skip


def _each(meter: Meter) -> Counted:
    """What a budget of `*` has in common with this meter."""
    return meter.counted._replace(scope=meter.scope._replace(value=EACH))


def _silently(_meter: Meter, _action: OnExceed) -> None:
    pass
