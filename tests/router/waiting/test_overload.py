"""Overload, simulated: what cannot be served is refused at once, and what waits is served in time."""

import heapq
import random
from collections import defaultdict
from statistics import fmean

import pytest

from tests.router.waiting.test_room import Room, settled
from tests.tiers.fleets import fleet
from tiers.errors import Overloaded
from tiers.types import Limits

_PLACES, _SERVICE_S, _PATIENCE_S = 16, 2.0, 10.0


class Simulation:
    """Requests that come at random to a tier of 16 places and hold one for two seconds on average."""

    def __init__(self, load: float, priorities: tuple[str, ...] = ("low", "normal", "high")) -> None:
        self._priorities = priorities
        self.refused = 0
        self.waits = defaultdict(list)
        self._rng = random.Random(3)
        self._room = Room()
        self._rate = load * _PLACES / _SERVICE_S
        limits = Limits(max_inflight=_PLACES // 2, max_queue=500, queue_timeout_s=_PATIENCE_S)
        self._tier = fleet(2, clock=self._room.clock, limits=limits)
        self._ends, self._waiting = [], {}

    async def run(self, requests: int) -> None:
        due = self._room.clock.now
        for _ in range(requests):
            due += self._rng.expovariate(self._rate)
            while self._ends and self._ends[0][0] <= due:
                await self._end()
            self._room.clock.now = due
            await self._arrive()
        for task in self._waiting:
            task.cancel()
        await settled()

    async def _arrive(self) -> None:
        priority = self._rng.choice(self._priorities)
        if (lease := self._tier.take()) is not None:
            self._hold(lease)
            return
        task = await self._room.joins(self._tier, priority=priority)
        if task.done():
            assert isinstance(task.exception(), Overloaded)
            self.refused += 1
        else:
            self._waiting[task] = (priority, self._room.clock.now)

    async def _end(self) -> None:
        self._room.clock.now, _, lease = heapq.heappop(self._ends)
        lease.release()
        await settled()
        for task in [task for task in self._waiting if task.done()]:
            priority, since = self._waiting.pop(task)
            self.waits[priority].append(self._room.clock.now - since)
            self._hold(task.result().lease)

    def _hold(self, lease) -> None:
        ends = self._room.clock.now + self._rng.expovariate(1 / _SERVICE_S)
        heapq.heappush(self._ends, (ends, id(lease), lease))


async def test_at_moderate_load_nobody_is_refused_and_few_wait():
    """At 70 % a burst waits for some tenths of a second."""
    made = Simulation(0.7)
    await made.run(800)
    waits = [wait for each in made.waits.values() for wait in each]
    assert made.refused == 0
    assert len(waits) < 240
    assert fmean(waits) < 1


@pytest.mark.parametrize("load", [1.5, 2.0])
async def test_what_is_too_much_is_refused_and_the_rest_served_in_time(load):
    """About the excess is refused, early; of those that wait nearly all are served in time."""
    made = Simulation(load, ("normal",))
    await made.run(1500)
    waits = [wait for each in made.waits.values() for wait in each]
    excess = 1 - 1 / load
    assert 0.7 * excess < made.refused / 1500 < 1.1 * excess
    assert sum(wait <= _PATIENCE_S for wait in waits) > 0.9 * len(waits)


async def test_priority_orders_the_wait_and_starves_nobody():
    """Just below saturation high hardly waits, low waits longest, and all are served."""
    made = Simulation(0.97)
    await made.run(1500)
    low, normal, high = (fmean(made.waits[priority]) for priority in ("low", "normal", "high"))
    assert high < normal < low
    assert high < 1
    assert made.refused == 0
