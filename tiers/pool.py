"""A tier: equal replicas, which of them is next, and the tasks that watch them."""

import asyncio
import random
from collections.abc import Awaitable, Callable, Collection, Sequence
from typing import Literal, NamedTuple

from tiers.affinity import Affinity
from tiers.base import Engine
from tiers.budget import RetryBudget
from tiers.choice import Work, choose
from tiers.latency import slow
from tiers.replica import Lease, Replica
from tiers.types import TierSpec

__all__ = ["CHECK_S", "RECHECK_S", "Lease", "Replica", "Tier", "TierState", "Work"]

TierState = Literal["up", "down", "full", "draining"]
CHECK_S = 10.0
RECHECK_S = 1.0  # of a replica that its gauges hold back
_REOPEN_FIRST_S, _REOPEN_LONGEST_S = 1.0, 15.0
_ANYTHING = Work()


class Glance(NamedTuple):
    """How a tier is doing. inflight: our requests on it; capacity: those that the replicas now serving take at once."""

    state: TierState
    inflight: int
    capacity: int


class Tier:
    """A tier's replicas, `engines[i]` serving `spec.replicas[i]`.

    clock: monotonic seconds. rng: spreads work and reopening. sleep: waits between health checks.
    retries: what may be sent here again after a failure. queued: requests that wait for a place here, kept by whoever
    lets them wait; room: called when a replica may take more than before, None while nobody waits.
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
            Replica(at, engine, limits=spec.limits, clock=clock, place=place, changed=self._changed)
            for place, (at, engine) in enumerate(zip(spec.replicas, engines, strict=True))
        )
        self.retries = RetryBudget(clock)
        self.queued = 0
        self.room: Callable[[], None] | None = None
        self._groups = _groups(self.replicas, spec.prefer)
        self._affinity = Affinity()
        self._clock = clock
        self._rng = rng
        self._sleep = sleep
        self._watchers: list[asyncio.Task[None]] = []

    def pick(self, work: Work = _ANYTHING, *, exclude: Collection[str] = ()) -> Replica | None:
        """An accepting replica, of the preferred class while one accepts; None where none does.

        Take its `lease()` before the next await, or two callers may share a half-open breaker's one probe.
        """
        for group in self._groups:
            chosen = choose(group, work, rng=self._rng, affinity=self._affinity, exclude=exclude)
            if chosen is not None:
                return chosen
        return None

    def take(self, work: Work = _ANYTHING, *, exclude: Collection[str] = ()) -> Lease | None:
        """A place on the replica that `pick` chooses; it remembers the prompt's prefixes."""
        replica = self.pick(work, exclude=exclude)
        if replica is None:
            return None
        if work.prefixes and len(self.replicas) > 1:
            self._affinity.remember(work.prefixes, replica.place)
        return replica.lease(work.tokens)

    def state(self) -> TierState:
        """`full` says that waiting may help, `down` that only mending will."""
        return self.glance().state

    def glance(self) -> Glance:
        """How it is doing, in one pass over the replicas: it is asked for every request."""
        inflight = capacity = 0
        state: TierState = "draining"
        for replica in self.replicas:
            inflight += replica.inflight
            if replica.draining:
                continue
            if replica.serving:
                capacity += self.spec.limits.max_inflight
                if state != "up":
                    state = "up" if replica.accepts else "full"
            elif state == "draining":
                state = "down"
        return Glance(state, inflight, capacity)

    def may_open(self, exclude: Collection[str] = ()) -> bool:
        """Whether a replica that is not excluded works, though it may be full now."""
        return any(r.serving and r.name not in exclude for r in self.replicas)

    @property
    def opens_in_s(self) -> float | None:
        """Seconds until time alone makes a replica take work again; None where something else must happen."""
        return min((s for r in self.replicas if (s := r.opens_in_s) is not None), default=None)

    @property
    def departures_per_s(self) -> float:
        """Places that come free each second, from how long recent calls held theirs; 0 where nothing is known."""
        return sum(
            r.inflight / r.service.value for r in self.replicas if r.service.value and r.serving and not r.paused_s
        )

    @property
    def inflight(self) -> int:
        return sum(r.inflight for r in self.replicas)

    @property
    def capacity(self) -> int:
        return self.glance().capacity

    @property
    def ttft_s(self) -> float | None:
        return _middle([r.ttft.median for r in self.replicas])

    @property
    def inter_token_s(self) -> float | None:
        return _middle([r.inter_token.median for r in self.replicas])

    def replica(self, name: str) -> Replica:
        """Raises KeyError, naming the replicas there are."""
        for replica in self.replicas:
            if replica.name == name:
                return replica
        raise KeyError(f"tier {self.name} has no replica {name!r}; it has {[r.name for r in self.replicas]}")

    def drain(self, replica: str) -> None:
        """Send it nothing new; what is in flight goes on. Raises KeyError."""
        self.replica(replica).drain()

    def undrain(self, replica: str) -> None:
        """Send it work again. Raises KeyError."""
        self.replica(replica).undrain()

    def interrupt(self, replica: str) -> None:
        """Its machine will be taken away: drain it until it was down and is up again. Raises KeyError."""
        self.replica(replica).drain(interrupted=True)

    def inherit(self, before: "Tier") -> None:
        """Keep drained what the owner drained, when a changed configuration replaces the tier."""
        drained = {r.name: r.interrupted for r in before.replicas if r.draining}
        for replica in self.replicas:
            if replica.name in drained:
                replica.drain(interrupted=drained[replica.name])

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

    def review(self, replica: Replica) -> None:
        """Eject a replica that has become slow beside its fellows; never more than half of the tier is left out."""
        working = [r for r in self.replicas if r.serving and r.breaker.state == "closed"]
        left_out = len(self.replicas) - len(working)
        if replica not in working or (left_out + 1) * 2 > len(self.replicas):
            return
        others = [r.latency for r in working if r is not replica]
        verdict = slow(replica.latency, others, self._clock(), degraded_s=self.spec.limits.degraded_s)
        if verdict is not None:
            replica.eject(verdict)

    async def _watch(self, replica: Replica) -> None:
        pause_s = _REOPEN_FIRST_S
        while True:
            await self._sleep(_pause_s(replica) or pause_s * self._rng.uniform(0.5, 1.0))
            await replica.check()
            self.review(replica)
            pause_s = _REOPEN_FIRST_S if replica.up else min(pause_s * 2, _REOPEN_LONGEST_S)

    def _changed(self) -> None:
        if self.room is not None:
            self.room()


def _pause_s(replica: Replica) -> float | None:
    """Until an up replica is asked again."""
    if not replica.up:
        return None
    return RECHECK_S if replica.gauges.over else CHECK_S


def _groups(replicas: Sequence[Replica], prefer: str) -> tuple[tuple[Replica, ...], ...]:
    """Those of the preferred class, then the others; one group where no class is preferred."""
    preferred = tuple(r for r in replicas if not prefer or r.spec.kind == prefer)
    others = tuple(r for r in replicas if r not in preferred)
    return tuple(group for group in (preferred, others) if group)


def _middle(medians: Sequence[float | None]) -> float | None:
    """The (upper) median of those that are known."""
    if len(medians) == 1:
        return medians[0]
    known = sorted([value for value in medians if value is not None])
    return known[len(known) // 2] if known else None
