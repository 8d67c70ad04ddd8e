"""Restrict: the tiers that a request's budgets still hold, and why not the others."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from policies.limits import needs, standing
from policies.types import Facts, Predicted, TierView
from router.limits.expect import output_p90, reserved_output
from router.limits.hold import expected_nusd
from router.limits.meters import Meter
from router.limits.pots import fits
from router.limits.state import OnExceed, Unit
from router.limits.store import Draw
from router.prices.book import PriceBook


@dataclass(frozen=True, slots=True)
class Expected:
    """What a request would use. cost_nusd: by tier, None where its price is unknown. able: tiers that could serve."""

    tokens: int
    cost_nusd: Mapping[str, int | None]
    able: Sequence[str]

    @classmethod
    def of(
        cls, views: Mapping[str, TierView], facts: Facts, predicted: Predicted | None, prices: PriceBook
    ) -> "Expected":
        """At the P90 of the answer, as an attempt reserves it."""
        output, wanted = reserved_output(facts, output_p90(predicted)), needs(facts)
        able = [name for name, view in views.items() if standing(view, facts, wanted, predicted).kind != "never"]
        costs = {name: expected_nusd(prices.price(name), facts.prompt_tokens, output) for name in views}
        return cls(facts.prompt_tokens + output, costs, able)

    def amount(self, meter: Meter, tier: str) -> int | None:
        return self.tokens if meter.unit == "tokens" else self.cost_nusd[tier]

    def cheapest(self, names: Iterable[str]) -> str | None:
        """Of these the one that could serve it at the least known price."""
        priced = {name: cost for name in names if name in self.able and (cost := self.cost_nusd[name]) is not None}
        return min(priced, key=priced.__getitem__, default=None)


def most_used(unit: Unit, views: Mapping[str, TierView], facts: Facts, predicted: Predicted | None) -> float | None:
    """What the dearest tier would use, about; None where a price is unknown."""
    output = reserved_output(facts, output_p90(predicted))
    if unit == "tokens":
        return facts.prompt_tokens + output
    most = 0.0
    for view in views.values():
        if view.input_nusd is None or view.output_nusd is None:
            return None
        most = max(most, view.input_nusd * facts.prompt_tokens + view.output_nusd * output)
    return most


def acting(meter: Meter, used: int, expected: Expected) -> Iterator[tuple[OnExceed, dict[str, str]]]:
    """What the meter's budgets do where `used` is spent or held: (what, tiers that it bars, each with the reason)."""
    warn, downgrade = meter.least("warn"), meter.least("downgrade")
    if warn is not None and used >= warn:
        yield "warn", {}
    if downgrade is not None and (over := _too_dear(meter, downgrade, used, expected)):
        yield "downgrade", over
    if meter.cap is not None and (over := _too_dear(meter, meter.cap, used, expected)):
        yield "reject", over


def _too_dear(meter: Meter, limit: int, used: int, expected: Expected) -> dict[str, str]:
    over: dict[str, str] = {}
    for name in expected.cost_nusd:
        amount = expected.amount(meter, name)
        if amount is None:
            over[name] = f"its price is unknown, so the {meter.period}'s budget of {meter.scope} cannot hold it"
        elif not fits(Draw(meter.pot, amount, limit, meter.span.ends_ns), used):
            over[name] = f"the {meter.period}'s budget of {meter.scope} does not hold it"
    return over
