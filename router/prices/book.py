"""The price of each tier."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Literal

from router.money import Price

Basis = Literal["given", "catalogue", "catalogue, overridden", "GPU, rated", "GPU, measured", "unknown"]


@dataclass(frozen=True, slots=True)
class Quote:
    """A tier's price and where it comes from.

    price: None where it is unknown. by_class: of replicas whose class has a rate of its own. source: the setting or
    the catalogue's entry, or why nothing is known. since: the day of the catalogue's price, "" where there is none.
    """

    price: Price | None
    basis: Basis = "given"
    source: str = ""
    since: str = ""
    by_class: Mapping[str, Price] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class PriceBook:
    """Tier name to quote. A tier that is not in it, or is with None, has an unknown price, which is not 0."""

    quotes: Mapping[str, Quote]

    @classmethod
    def of(cls, quotes: Mapping[str, Quote]) -> "PriceBook":
        """A copy that later changes to `quotes` do not reach."""
        return cls(MappingProxyType(dict(quotes)))

    @classmethod
    def from_tiers(cls, prices: Mapping[str, Price | None]) -> "PriceBook":
        return cls.of({name: Quote(price) for name, price in prices.items()})

    def price(self, tier: str, kind: str = "") -> Price | None:
        """kind: the replica's class, where the attempt runs on a known one."""
        quote = self.quotes.get(tier)
        return quote.by_class.get(kind, quote.price) if quote else None
