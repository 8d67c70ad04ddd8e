"""A tier: equal replicas, which of them is next, and the tasks that watch them."""

import asyncio
import random
from collections.abc import Awaitable, Callable, Collection, Iterable, Sequence
from statistics import median
from typing import Literal

from tiers.base import Engine
from tiers.replica import Replica
from tiers.types import TierSpec

__all__ = ["CHECK_S", "Replica", "Tier", "TierState"]

TierState = Literal["up", "down", "full", "draining"]
CHECK_S = 10.0
_REOPEN_FIRST_S, _REOPEN_LONGEST_S = 1.0, 60.0


class Tier:
    """A tier's replicas, `engines[i]` serving `spec.replicas[i]`.

    clock: monotonic seconds. rng: breaks ties and spreads reopening. sleep: waits between health checks.
    """

    def __init__(
        self,
        spec: TierSpec,
        engines: Sequence[Engine],
        *,
        clock: Callable[[], float],
        rng: random.Random,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self.spec = spec
        self.name = spec.name
        self.replicas = tuple(
            Replica(place, engine, limits=spec.limits, clock=clock)
            for place, engine in zip(spec.replicas, engines, strict=True)
        )
        self._rng = rng
        self._sleep = sleep
        self._watchers: list[asyncio.Task[None]] = []

    def pick(self, *, exclude: Collection[str] = ()) -> Replica | None:
        """The accepting replica with the least of our own requests in flight, or None; ties at random.

        Take its `lease()` before the next await, or two callers may share a half-open breaker's one probe.
        """
        free = [r for r in self.replicas if r.name not in exclude and r.accepts]
        if len(free) < 2:
            return free[0] if free else None
        least = min(r.inflight for r in free)
        return self._rng.choice([r for r in free if r.inflight == least])

    def state(self) -> TierState:
        """`full` says that waiting may help, `down` that only mending will."""
        kept = [r for r in self.replicas if not r.draining]
        if not kept:
            return "draining"
        if any(r.accepts for r in kept):
            return "up"
        return "full" if any(r.serving for r in kept) else "down"

    @property
    def inflight(self) -> int:
        return sum(r.inflight for r in self.replicas)

    @property
    def capacity(self) -> int:
        """Requests that the replicas now serving take at once."""
        return self.spec.limits.max_inflight * sum(r.serving for r in self.replicas)

    @property
    def ttft_s(self) -> float | None:
        return _middle(r.ttft.median for r in self.replicas)

    @property
    def inter_token_s(self) -> float | None:
        return _middle(r.inter_token.median for r in self.replicas)

    def replica(self, name: str) -> Replica:
        """Raises KeyError, naming the replicas there are."""
        for replica in self.replicas:
            if replica.name == name:
                return replica
        raise KeyError(f"tier {self.name} has no replica {name!r}; it has {[r.name for r in self.replicas]}")

    def drain(self, replica: str) -> None:
        """Send it nothing new; what is in flight goes on. Raises KeyError."""
        self.replica(replica).draining = True

    def undrain(self, replica: str) -> None:
        self.replica(replica).draining = False

    async def open(self) -> None:
        """Open all replicas at once and watch them; what does not open is tried again in the background."""
        await asyncio.gather(*(r.open() for r in self.replicas))
        self._watchers = [asyncio.create_task(self._watch(r)) for r in self.replicas]

    async def close(self) -> None:
        for watcher in self._watchers:
            watcher.cancel()
        await asyncio.gather(*self._watchers, return_exceptions=True)
        self._watchers = []
        await asyncio.gather(*(r.engine.close() for r in self.replicas))

    async def _watch(self, replica: Replica) -> None:
        pause_s = _REOPEN_FIRST_S
        while True:
            await self._sleep(CHECK_S if replica.up else pause_s * self._rng.uniform(0.5, 1.0))
            await replica.check()
            pause_s = _REOPEN_FIRST_S if replica.up else min(pause_s * 2, _REOPEN_LONGEST_S)


def _middle(medians: Iterable[float | None]) -> float | None:
    known = [value for value in medians if value is not None]
    return median(known) if known else None
