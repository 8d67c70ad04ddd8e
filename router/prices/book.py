"""The price of each tier."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from router.money import Price


@dataclass(frozen=True, slots=True)
class PriceBook:
    """Tier name to price. A tier that is not in it, or is with None, has an unknown price, which is not 0."""

    prices: Mapping[str, Price | None]

    @classmethod
    def from_tiers(cls, prices: Mapping[str, Price | None]) -> "PriceBook":
        """A copy that later changes to `prices` do not reach."""
        return cls(MappingProxyType(dict(prices)))

    def price(self, tier: str) -> Price | None:
        return self.prices.get(tier)
