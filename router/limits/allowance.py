"""An allowance: what one admitted request may still use."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace

from policies.types import Facts, Predicted, TierView
from router.limits.hold import Hold
from router.limits.meters import Meter
from router.limits.refusals import OverBudget, over_budget
from router.limits.restrict import Expected, acting, most_used
from router.limits.state import OnExceed
from router.limits.store import Charge, Store
from router.money import Price
from router.prices.book import PriceBook

Tell = Callable[[Meter, OnExceed], None]


class Allowance:
    """Made by `Limits.admit`.

    headers: `x-ratelimit-*`, empty where no rate is limited. tokens: what rates of tokens were charged with.
    tell: called where a budget acts.
    """

    def __init__(
        self, store: Store, meters: Sequence[Meter], *, tokens: Sequence[Charge], headers: Mapping[str, str], tell: Tell
    ) -> None:
        self._store = store
        self._meters = meters
        self._tokens = tokens
        self._tell = tell
        self.headers = headers
        self._barred: dict[str, Meter] = {}
        self._rejected: set[str] = set()
        self._expected: Expected | None = None

    def restrict(
        self, views: Mapping[str, TierView], facts: Facts, predicted: Predicted | None, prices: PriceBook
    ) -> Mapping[str, TierView]:
        """The tiers, those barred that a budget does not hold any more."""
        if all(self._plenty(meter, most_used(meter.unit, views, facts, predicted)) for meter in self._meters):
            return views
        expected = self._expected = Expected.of(views, facts, predicted, prices)
        reasons: dict[str, str] = {}
        for meter in self._meters:
            total = self._store.total(meter.pot)
            for action, over in acting(meter, total.spent + total.reserved, expected):
                reasons |= over
                if action == "reject":
                    self._rejected |= over.keys()
                self._barred = dict.fromkeys(over, meter) | self._barred
                if action != "reject":
                    self._tell(meter, action)
        if not reasons:
            return views
        return {name: replace(view, barred=view.barred or reasons.get(name, "")) for name, view in views.items()}

    def _plenty(self, meter: Meter, most: float | None) -> bool:
        """Whether no tier could reach any of the meter's limits. most: that a tier may use, None where unknown."""
        total = self._store.total(meter.pot)
        return most is not None and total.spent + total.reserved + most < meter.floor

    def relax(self, views: Mapping[str, TierView], wanted: Iterable[str]) -> Mapping[str, TierView]:
        """The same tiers with the cheapest of those wanted let through, where only a downgrade bars it."""
        names = [name for name in wanted if name in self._barred and name not in self._rejected]
        cheapest = self._expected.cheapest(names) if self._expected is not None else None
        return views if cheapest is None else {**views, cheapest: replace(views[cheapest], barred="")}

    def refusal(self, wanted: Iterable[str], failed: str = "") -> OverBudget | None:
        """What a request is told that a budget kept from one of these tiers; None where it kept it from none.

        failed: what became of the others.
        """
        meter = next((self._barred[name] for name in wanted if name in self._barred), None)
        if meter is None:
            return None
        self._tell(meter, "reject")
        return over_budget(meter, failed)

    def bar(self, tier: str, error: OverBudget) -> None:
        """A tier turned out to be too dear when it was tried, or while it answered."""
        self._barred[tier] = error.meter

    async def hold(self, price: Price | None, input_tokens: int, output_tokens: int) -> Hold | None:
        """Reserve for one attempt, before it is dispatched; None where no budget looks at the request.

        price: of the attempt's tier, None where unknown. Raises OverBudget, or ApiError 503 where budgets cannot be
        checked; then nothing is held.
        """
        if not self._meters:
            return None
        hold = Hold(self._store, self._meters, price, input_tokens)
        await hold.cover(output_tokens)
        return hold

    def used(self, tokens: int) -> None:
        """The request has ended and used so many tokens: correct what it was charged."""
        if self._tokens:
            self._store.correct([charge._replace(cost=tokens - charge.cost) for charge in self._tokens])
            self._tokens = ()
