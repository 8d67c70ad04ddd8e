"""Tiers for tests: replicas without engines, and a clock that a test moves."""

import random
from typing import Any

from tiers.pool import Tier
from tiers.types import Limits, ReplicaSpec, TierSpec


class Clock:
    def __init__(self, now: float = 1000.0) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


class NoEngine:
    """Opens, and does nothing else."""

    async def open(self) -> None:
        """It is there."""


def fleet(count: int, *, clock: Clock | None = None, seed: int = 1, kinds: str = "", **spec: Any) -> Tier:
    """A tier `t` of replicas r0, r1, ..., all up. kinds: a letter each, s for spot, r for reserved."""
    names = {"s": "spot", "r": "reserved"}
    replicas = tuple(ReplicaSpec(name=f"r{i}", kind=names[kinds[i]] if kinds else "reserved") for i in range(count))
    made = TierSpec("t", "vllm", "m", replicas=replicas, limits=spec.pop("limits", Limits()), **spec)
    tier = Tier(made, [NoEngine()] * count, clock=clock or Clock(), rng=random.Random(seed))
    for replica in tier.replicas:
        replica.up = True
    return tier
