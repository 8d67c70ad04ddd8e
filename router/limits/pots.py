"""Pots: what this gateway itself has spent and holds, of each budget in each period."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from router.limits.store import Draw, Settled, Total

_MANY = 4096


@dataclass(slots=True)
class Pot:
    """Amounts in the budget's unit. ends_ns: when its period ends, Unix time."""

    ends_ns: int
    spent: int = 0
    reserved: int = 0
    unpriced: int = 0

    @property
    def used(self) -> int:
        return self.spent + self.reserved


class Pots:
    """Pots by name; those of past periods are forgotten once nothing is held of them."""

    def __init__(self) -> None:
        self._pots: dict[str, Pot] = {}
        self._sweep_at = _MANY

    def __iter__(self) -> Iterator[str]:
        return iter(self._pots)

    def __len__(self) -> int:
        return len(self._pots)

    def get(self, name: str) -> Pot | None:
        return self._pots.get(name)

    def take_up(self, name: str, ends_ns: int) -> Pot:
        pot = self._pots.get(name)
        if pot is None:
            pot = self._pots[name] = Pot(ends_ns)
        return pot

    def hold(self, draws: Sequence[Draw]) -> None:
        for draw in draws:
            self.take_up(draw.pot, draw.ends_ns).reserved += draw.amount

    def settle(self, ends: Sequence[Settled]) -> None:
        """What ends after its pot was forgotten counts in no present period."""
        for end in ends:
            pot = self._pots.get(end.pot)
            if pot is None:
                continue
            pot.reserved -= end.held
            if end.spent is None:
                pot.unpriced += 1
            else:
                pot.spent += end.spent

    def total(self, name: str) -> Total:
        pot = self._pots.get(name)
        return Total() if pot is None else Total(pot.spent, pot.reserved, pot.unpriced)

    def sweep(self, now_ns: int) -> None:
        """Forget past periods, where there are so many pots that it is worth looking."""
        if len(self._pots) < self._sweep_at:
            return
        self._pots = {name: pot for name, pot in self._pots.items() if pot.reserved or pot.ends_ns > now_ns}
        self._sweep_at = max(_MANY, 2 * len(self._pots))


def fits(draw: Draw, used: int) -> bool:
    """Whether an amount may be held where `used` is spent or held already."""
    return draw.cap is None or draw.amount == 0 or used + draw.amount <= draw.cap
