"""The configuration that one request holds from start to end, and everything that was built from it."""

from collections.abc import Mapping
from dataclasses import dataclass

from classifier.artifact import Classifier
from policies.decide import CompiledPolicy
from policies.schema import Config
from router.limits.rules import Rules
from router.money import Price
from router.prices.book import PriceBook
from tiers.pool import Tier


@dataclass(frozen=True, slots=True)
class Rates:
    """A tier's price in nano-dollars per token, for predictions only (bills are exact); None where unknown."""

    input: float | None = None
    cached_input: float | None = None
    output: float | None = None

    @classmethod
    def of(cls, price: Price | None) -> "Rates":
        """USD per million tokens is a thousand nano-dollars per token."""
        if price is None:
            return cls()
        cached = price.input if price.cached_input is None else price.cached_input
        return cls(float(price.input) * 1000, float(cached) * 1000, float(price.output) * 1000)


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Immutable; a reload makes another one.

    limits: which budgets and rates a request falls under. rated_as: tier name -> the name that the classifier's
    artifact knows it by. generation: counts from 1.
    """

    config: Config
    generation: int
    tiers: Mapping[str, Tier]
    policies: Mapping[str, CompiledPolicy]
    prices: PriceBook
    rates: Mapping[str, Rates]
    classifier: Classifier
    limits: Rules
    rated_as: Mapping[str, str]
