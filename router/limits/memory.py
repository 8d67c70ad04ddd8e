"""Rates and pots of one gateway process, in its memory."""

from collections.abc import Callable, Sequence

from router.limits.gcra import allows, charged, rate
from router.limits.pots import Pots, fits
from router.limits.store import Answer, Charge, Draw, Settled, Total

_MANY = 16_384


class MemoryStore:
    """now_us: the clock, Unix microseconds."""

    away = False

    def __init__(self, now_us: Callable[[], int]) -> None:
        self._now_us = now_us
        self._pots = Pots()
        self._tats: dict[str, float] = {}
        self._sweep_at = _MANY

    async def open(self) -> None:
        pass

    async def close(self) -> None:
        pass

    async def ask(self, charges: Sequence[Charge], draws: Sequence[Draw]) -> Answer:
        now_us = self._now_us()
        after = self._charged(charges, now_us)
        over = tuple(place for place, c in enumerate(charges) if not allows(after[c.rate], now_us))
        refused = None if over else self._refused(draws, now_us)
        granted = not over and refused is None
        if granted:
            self._tats |= after
            self._pots.hold(draws)
        rates = tuple(
            rate(self._tats.get(c.rate, 0.0), now_us, c.per_minute, refused=after[c.rate] if place in over else None)
            for place, c in enumerate(charges)
        )
        return Answer(rates, over, refused)

    def settle(self, ends: Sequence[Settled]) -> None:
        self._pots.settle(ends)

    def correct(self, charges: Sequence[Charge]) -> None:
        self._tats |= self._charged(charges, self._now_us())

    def total(self, pot: str) -> Total:
        return self._pots.total(pot)

    def seed(self, pot: str, spent: int, unpriced: int, ends_ns: int) -> None:
        seeded = self._pots.take_up(pot, ends_ns)
        seeded.spent += spent
        seeded.unpriced += unpriced

    def _charged(self, charges: Sequence[Charge], now_us: int) -> dict[str, float]:
        if len(self._tats) >= self._sweep_at:
            self._tats = {name: tat for name, tat in self._tats.items() if tat > now_us}
            self._sweep_at = max(_MANY, 2 * len(self._tats))
        return {c.rate: charged(self._tats.get(c.rate, 0.0), now_us, c.per_minute, c.cost) for c in charges}

    def _refused(self, draws: Sequence[Draw], now_us: int) -> int | None:
        self._pots.sweep(now_us * 1000)
        for place, draw in enumerate(draws):
            pot = self._pots.take_up(draw.pot, draw.ends_ns)
            if not fits(draw, pot.used):
                return place
        return None
