"""The waiting room: where requests wait while every replica that could take them is full."""

import asyncio
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass

from router.line import Line, Priority, Waiter
from router.observe.events import Event, Waited
from tiers.errors import Overloaded
from tiers.pool import Lease, Tier, Work

# A predicted wait is a mean: with less to spare, half of those that waited would have waited for nothing.
_SURE_SHARE = 0.8


@dataclass(frozen=True, slots=True)
class Place:
    """A place that was given to a waiting request."""

    tier: Tier
    lease: Lease


@dataclass(eq=False, slots=True)
class _Wish:
    """What a waiting request can use. home: the tier in whose queue it is counted. exclude: replica names by tier."""

    home: Tier
    tiers: Sequence[Tier]
    work: Work
    exclude: Mapping[str, Collection[str]]
    granted: asyncio.Future[Place]

    @property
    def has_place(self) -> bool:
        return self.granted.done() and not self.granted.cancelled()

    def take(self, tier: Tier) -> Lease | None:
        return tier.take(self.work, exclude=self.exclude.get(tier.name, ()))


_Waiter = Waiter[_Wish]


class WaitingRoom:
    """Bounded by each tier's `limits.max_queue`, ordered by `Line`, left after `limits.queue_timeout_s`.

    A place that comes free is given away at once, before anybody else can ask for it. While nobody waits the room
    costs nothing: tiers call it only while it asked them to.
    """

    def __init__(self, emit: Callable[[Event], None], clock: Callable[[], float] = time.monotonic) -> None:
        self._emit = emit
        self._clock = clock
        self._lines: dict[Tier, Line[_Wish]] = {}
        self._timers: dict[Tier, asyncio.TimerHandle] = {}

    def __len__(self) -> int:
        return sum(tier.queued for tier in self._lines)

    async def wait(
        self,
        tiers: Sequence[Tier],
        work: Work,
        *,
        team: str,
        priority: Priority,
        exclude: Mapping[str, Collection[str]],
        waited_s: float = 0.0,
    ) -> Place:
        """The first place that comes free on one of the tiers; whoever gets it gives it back.

        waited_s: what the same request has waited before. Raises Overloaded, with the seconds after which it may be
        worth asking again: at once where the queues are full or the wait would be too long, otherwise when the time is
        over. Cancelled, it leaves at once.
        """
        for tier in tiers:  # one may have come free since it was found full; who waits for it cannot use it
            if (lease := tier.take(work, exclude=exclude.get(tier.name, ()))) is not None:
                return Place(tier, lease)
        expected_s = self._expected_s(tiers, priority)
        home, patience_s = self._admitted(tiers, priority, expected_s, waited_s)
        wish = _Wish(home, tiers, work, exclude, asyncio.get_running_loop().create_future())
        return await self._granted(Waiter(wish, team, priority, self._clock(), patience_s), expected_s)

    def _admitted(
        self, tiers: Sequence[Tier], priority: Priority, expected_s: float | None, waited_s: float
    ) -> tuple[Tier, float]:
        """(the tier in whose queue it is counted, how many seconds it may wait). Raises Overloaded."""
        home = next((tier for tier in tiers if tier.queued < tier.spec.limits.max_queue), None)
        if home is None:
            raise self._refused(tiers[0], priority, _queue_full(tiers[0]), expected_s)
        patience_s = home.spec.limits.queue_timeout_s - waited_s
        if patience_s <= 0:
            raise self._refused(home, priority, _too_late(home), expected_s)
        if expected_s is not None and expected_s > _SURE_SHARE * patience_s:
            why = f"full; a place is expected in {expected_s:.1f} s, too long for limits.queue_timeout_s"
            raise self._refused(home, priority, why, expected_s)
        return home, patience_s

    def _refused(self, tier: Tier, priority: Priority, why: str, expected_s: float | None) -> Overloaded:
        self._emit(Waited(tier.name, priority, 0.0, "refused"))
        return Overloaded(why, retry_after_s=expected_s)

    async def _granted(self, waiter: _Waiter, expected_s: float | None) -> Place:
        wish, outcome = waiter.item, "left"
        self._enter(waiter)
        try:
            async with asyncio.timeout(waiter.patience_s):
                place = await wish.granted
            outcome = "served"
        except TimeoutError:
            outcome = "timeout"
            raise Overloaded(_too_late(wish.home), retry_after_s=expected_s) from None
        finally:
            if not wish.has_place:
                self._leave(waiter)
            elif outcome != "served":  # it gave up in the moment in which it was given one
                wish.granted.result().lease.release()
            self._emit(Waited(wish.home.name, waiter.priority, self._clock() - waiter.joined, outcome))
        return place

    def _enter(self, waiter: _Waiter) -> None:
        waiter.item.home.queued += 1
        for tier in waiter.item.tiers:
            if tier not in self._lines:
                self._lines[tier] = Line()
                tier.room = lambda tier=tier: self._serve(tier)
            self._lines[tier].add(waiter)
            self._arm(tier)

    def _leave(self, waiter: _Waiter) -> None:
        waiter.item.home.queued -= 1
        for tier in waiter.item.tiers:
            line = self._lines[tier]
            line.remove(waiter)
            if not line:
                self._close(tier)

    def _close(self, tier: Tier) -> None:
        tier.room = None
        del self._lines[tier]
        if timer := self._timers.pop(tier, None):
            timer.cancel()

    def _serve(self, tier: Tier) -> None:
        """Give away what is free."""
        while tier in self._lines and self._give(tier):
            pass
        if tier in self._lines:
            self._arm(tier)

    def _give(self, tier: Tier) -> bool:
        """One place to the first in line who can use it; whether there was one."""
        line = self._lines[tier]
        for waiter in line.order(self._clock()):
            wish = waiter.item
            if wish.granted.done():  # cancelled, and about to leave
                continue
            lease = wish.take(tier)
            if lease is not None:
                line.serve(waiter)
                self._leave(waiter)
                wish.granted.set_result(Place(tier, lease))
                return True
            if not wish.exclude.get(tier.name):
                return False
        return False

    def _arm(self, tier: Tier) -> None:
        """Look again when time alone opens a replica: a pause is over, an ejected one may be probed."""
        if timer := self._timers.pop(tier, None):
            timer.cancel()
        delay_s = tier.opens_in_s
        if delay_s is not None:
            self._timers[tier] = asyncio.get_running_loop().call_later(delay_s, self._serve, tier)

    def _expected_s(self, tiers: Sequence[Tier], priority: Priority) -> float | None:
        """Seconds until a newcomer gets a place, from how long recent calls held theirs; None where nothing is known.

        Little's law: `departures_per_s` places come free each second for those before it and itself.
        """
        ahead = max((self._lines[tier].ahead_of(priority) for tier in tiers if tier in self._lines), default=0)
        departures_per_s = sum(tier.departures_per_s for tier in tiers)
        timed = [s for tier in tiers if (s := tier.opens_in_s) is not None]
        if departures_per_s > 0:
            timed.append((ahead + 1) / departures_per_s)
        return min(timed, default=None)


def _too_late(tier: Tier) -> str:
    return f"no place came free in {tier.spec.limits.queue_timeout_s:g} s (limits.queue_timeout_s)"


def _queue_full(tier: Tier) -> str:
    if not tier.spec.limits.max_queue:
        return "full, and requests do not wait here (limits.max_queue is 0)"
    return f"full, and {tier.queued} requests wait already (limits.max_queue)"
