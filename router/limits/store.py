"""The seam between what is limited and where it is counted: in memory, or in a Redis that gateways share."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from router.limits.gcra import Rate


class Charge(NamedTuple):
    """A cost against a rate limit. rate: its name. per_minute: the limit. cost: requests or tokens."""

    rate: str
    per_minute: int
    cost: int


class Draw(NamedTuple):
    """An amount to hold of a pot, which is one budget in one period.

    amount: nano-dollars or tokens; nothing is refused for an amount of 0. cap: the most that all gateways together
    may have spent and hold, None where nothing is refused. ends_ns: when the pot's period ends, Unix time.
    """

    pot: str
    amount: int
    cap: int | None
    ends_ns: int


class Settled(NamedTuple):
    """The end of a hold. held: given back. spent: what it came to, None where it cannot be told (unpriced)."""

    pot: str
    held: int
    spent: int | None


class Total(NamedTuple):
    """A pot over all gateways, as far as this one knows. unpriced: attempts of unknown price."""

    spent: int = 0
    reserved: int = 0
    unpriced: int = 0


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of an ask: everything was granted, or nothing.

    rates: one for each charge, in order, empty where the limits could not be asked. over: places of the charges that
    were too much. refused: place of the draw that did not fit, None where all did. away: Redis could not be reached;
    `refused` and `closed` then follow the configuration. closed: nothing may pass without Redis.
    """

    rates: tuple[Rate, ...] = ()
    over: tuple[int, ...] = ()
    refused: int | None = None
    away: bool = False
    closed: bool = False

    @property
    def granted(self) -> bool:
        return not self.over and self.refused is None and not self.closed


class Store(Protocol):
    """Where rates and pots are counted. The same asks give the same answers in every store.

    In one ask every rate and every pot stands once.
    """

    @property
    def away(self) -> bool:
        """Whether the shared figures cannot be reached now; never in memory."""
        ...

    async def open(self) -> None: ...

    async def close(self) -> None: ...

    async def ask(self, charges: Sequence[Charge], draws: Sequence[Draw]) -> Answer:
        """Charge all and hold all, or neither. Never raises; cancelled, it holds nothing."""
        ...

    def settle(self, ends: Sequence[Settled]) -> None:
        """Give back what was held and count what was spent; returns at once."""
        ...

    def correct(self, charges: Sequence[Charge]) -> None:
        """Charge the differences (also below 0) to rates, whatever their limit; returns at once."""
        ...

    def total(self, pot: str) -> Total: ...

    def seed(self, pot: str, spent: int, unpriced: int, ends_ns: int) -> None:
        """Add what was spent from a pot before this gateway began to count."""
        ...
