"""Limits: what every request is held to before and while it is answered, and how every budget stands."""

import asyncio
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Literal, NamedTuple

from router.errors import ApiError
from router.ledger.ledger import Ledger
from router.limits.allowance import Allowance
from router.limits.expect import charged_tokens
from router.limits.headers import told
from router.limits.meters import Meter, counted_as, meters
from router.limits.period import Calendar
from router.limits.refusals import too_fast, too_large, uncounted
from router.limits.rules import EACH, Budget, Counted, Rules, Scope, Who
from router.limits.seeds import seeds
from router.limits.state import BudgetState, OnExceed
from router.limits.store import Answer, Charge, Store
from router.observe.events import Event, LimitReached, Reloaded
from router.request import Request

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
        self._meters: dict[str, Meter] = {}  # every one that anything was counted in, by its pot
        self._taken_up: set[Counted] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._told: set[tuple[str, OnExceed]] = set()

    async def admit(self, request: Request) -> Allowance | None:
        """Charge the request to its rates; None where nothing is limited.

        Raises ApiError: 429 `rate_limit_exceeded`, or 503 where limits are closed without Redis.
        """
        rules, own = request.snapshot.limits, request.principal.own
        if rules.empty and own is None:
            return None
        who = Who(request.facts.team, request.facts.key, request.facts.user, request.tags, own)
        asked = list(_asked(rules, who, request))
        headers = await self._charge(asked) if asked else {}
        paying = self._known(meters(rules.budgets_of(who), self._calendar, self._now_ns()))
        tokens = [rated.charge for rated in asked if rated.what == "tokens"]
        return Allowance(self._store, paying, tokens=tokens, headers=headers, tell=self._tell)

    def look(self, request: Request) -> Allowance | None:
        """The same without charging anything: for `explain`."""
        who = Who(request.facts.team, request.facts.key, request.facts.user, request.tags, request.principal.own)
        paying = meters(request.snapshot.limits.budgets_of(who), self._calendar, self._now_ns())
        return Allowance(self._store, paying, tokens=(), headers={}, tell=_silently) if paying else None

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
            task = asyncio.get_running_loop().create_task(self._take_up())
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    def states(self) -> tuple[BudgetState, ...]:
        """Every budget in its present period: those named in the configuration, and each that `*` or a key's own
        budget has made so far."""
        now_ns = self._now_ns()
        budgets = [*self._rules().budgets, *self._own()]
        named = [(budget.scope, budget) for budget in budgets if budget.scope.value != EACH]
        pots = {meter.pot: meter for meter in meters(named, self._calendar, now_ns)}
        each = {(budget.scope.kind, budget.unit, budget.period) for budget in budgets if budget.scope.value == EACH}
        pots |= {
            pot: meter
            for pot, meter in self._meters.items()
            if (meter.scope.kind, meter.unit, meter.period) in each and meter.span.ends_ns > now_ns and pot not in pots
        }
        return tuple(self._state(meter, budget) for meter in pots.values() for budget in meter.budgets)

    async def _take_up(self) -> None:
        """Seed the pots of budgets not seen before with what began before this moment; later attempts count here."""
        before = frozenset(self._taken_up)
        budgets = [budget for budget in [*self._rules().budgets, *self._own()] if budget.counted not in before]
        self._taken_up |= {budget.counted for budget in budgets}
        now_ns = self._now_ns()
        await self._ledger.flush()
        found = await asyncio.to_thread(lambda: list(seeds(self._ledger.path, budgets, now_ns=now_ns)))
        for meter, spent in found:
            each = meter.counted._replace(scope=meter.scope._replace(value=EACH))
            if meter.counted not in before and each not in before:
                self._known((meter,))
                self._store.seed(meter.pot, spent.spent, spent.unpriced, meter.span.ends_ns)

    async def _charge(self, asked: "list[_Rated]") -> dict[str, str]:
        answer = await self._store.ask([rated.charge for rated in asked], ())
        headers = told(((rated.what, rated.charge) for rated in asked), answer.rates) if answer.rates else {}
        if not answer.granted:
            raise self._refusal(asked, answer, headers)
        return headers

    def _refusal(self, asked: "list[_Rated]", answer: Answer, headers: Mapping[str, str]) -> ApiError:
        """The limit that one waits longest for."""
        if not answer.over:
            return uncounted()
        worst = max(answer.over, key=lambda place: answer.rates[place].wait_us)
        rated = asked[worst]
        self._emit(LimitReached(rated.what, rated.rule, "reject"))
        if rated.charge.cost > rated.charge.per_minute:
            return too_large(rated.scope, rated.charge.cost, rated.charge.per_minute, headers)
        return too_fast(rated.scope, rated.what, rated.charge.per_minute, answer.rates[worst], headers)

    def _known(self, found: tuple[Meter, ...]) -> tuple[Meter, ...]:
        if len(self._meters) > _MANY and any(meter.pot not in self._meters for meter in found):
            now_ns = self._now_ns()
            self._meters = {pot: meter for pot, meter in self._meters.items() if meter.span.ends_ns > now_ns}
            self._told = {(pot, action) for pot, action in self._told if pot in self._meters}
        for meter in found:
            self._meters[meter.pot] = meter
        return found

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


class _Rated(NamedTuple):
    """One charge: what it counts, whose it is, and the scope as the configuration has it."""

    what: Literal["requests", "tokens"]
    scope: Scope
    rule: str
    charge: Charge


def _asked(rules: Rules, who: Who, request: Request) -> Iterator[_Rated]:
    """Each rate once, named by its scope and its limit."""
    for scope, limit in rules.rates_of(who):
        name, rule = counted_as(scope), str(limit.scope)
        if limit.requests is not None:
            yield _Rated("requests", scope, rule, Charge(f"{name}/requests/{limit.requests}", limit.requests, 1))
        if limit.tokens is not None:
            cost = charged_tokens(request.facts)
            yield _Rated("tokens", scope, rule, Charge(f"{name}/tokens/{limit.tokens}", limit.tokens, cost))


def _silently(_meter: Meter, _action: OnExceed) -> None:
    pass
