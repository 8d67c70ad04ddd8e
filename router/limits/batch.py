"""A batch: what waits to be asked of Redis, as one call of the script, and its reply."""

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import orjson

from router.limits.gcra import Rate
from router.limits.pots import Pot
from router.limits.store import Answer, Charge, Draw, Total

_KEPT_MS = 86_400_000  # a pot stays for a day after its period has ended
_LEAST_MS = 60_000


@dataclass(frozen=True, slots=True)
class Asked:
    """One ask under way."""

    charges: Sequence[Charge]
    draws: Sequence[Draw]
    answer: "asyncio.Future[Answer]"


class Call(NamedTuple):
    keys: list[str]
    argument: bytes


class Reply(NamedTuple):
    """others: of each pot what the other gateways have."""

    others: dict[str, Total]
    answers: list[Answer]


@dataclass(slots=True)
class Batch:
    """pots: by name, with this gateway's own figures at this moment; rates: name to limit a minute."""

    pots: dict[str, Pot]
    asks: list[Asked] = field(default_factory=list)
    corrections: list[Charge] = field(default_factory=list)

    def call(self, *, source: str, prefix: str, now_us: int, now_ns: int) -> Call:
        """now_us: 0 for the server's own clock. The braces keep all keys in one slot of a cluster."""
        pots = {name: place for place, name in enumerate(self.pots, 1)}
        charges = [*self.corrections, *(charge for asked in self.asks for charge in asked.charges)]
        limits = {charge.rate: charge.per_minute for charge in charges}
        rates = {name: place for place, name in enumerate(limits, 1)}
        keys = [f"{{{prefix}}}:budget:{name}" for name in pots] + [f"{{{prefix}}}:rate:{name}" for name in rates]
        argument = {
            "source": source,
            "now_us": now_us,
            "pots": [(pot.spent, pot.reserved, pot.unpriced, _life_ms(pot, now_ns)) for pot in self.pots.values()],
            "rates": list(limits.values()),
            "corrections": [(rates[charge.rate], charge.cost) for charge in self.corrections],
            "asks": [
                {
                    "charges": [(rates[charge.rate], charge.cost) for charge in asked.charges],
                    "draws": [(pots[d.pot], d.amount, -1 if d.cap is None else d.cap) for d in asked.draws],
                }
                for asked in self.asks
            ],
        }
        return Call(keys, orjson.dumps(argument))

    def read(self, reply: Any) -> Reply:
        _, others, answers = reply
        return Reply(
            {name: Total(*figures) for name, figures in zip(self.pots, others, strict=True)},
            [_answer(*answer) for answer in answers],
        )


def _life_ms(pot: Pot, now_ns: int) -> int:
    return max(_LEAST_MS, (pot.ends_ns - now_ns) // 1_000_000) + _KEPT_MS


def _answer(refused: int, over: Iterable[int], rates: Iterable[Sequence[int]]) -> Answer:
    late = tuple(place for place, flag in enumerate(over) if flag)
    return Answer(tuple(Rate(*rate) for rate in rates), late, refused - 1 if refused else None)
