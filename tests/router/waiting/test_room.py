"""The waiting room: places go to who waits, at once, in order, and nobody waits for nothing."""

import asyncio

import pytest

from router.waiting import WaitingRoom
from tests.tiers.fleets import Clock, fleet
from tiers.errors import Overloaded
from tiers.pool import Work
from tiers.types import Limits

ONE = Limits(max_inflight=1, max_queue=3, queue_timeout_s=10.0)


class Room:
    """A waiting room, what it emitted, and requests that wait in it."""

    def __init__(self, clock=None):
        self.events = []
        self.clock = clock or Clock()
        self.room = WaitingRoom(self.events.append, self.clock)

    async def joins(self, *tiers, team="", priority="normal", exclude=None, waited_s=0.0):
        """A task that waits, and has entered."""
        waiting = self.room.wait(
            tiers, Work(10), team=team, priority=priority, exclude=exclude or {}, waited_s=waited_s
        )
        task = asyncio.create_task(waiting)
        await settled()
        return task

    @property
    def outcomes(self):
        return [event.outcome for event in self.events]


async def settled():
    """Let every task run until it waits."""
    for _ in range(5):
        await asyncio.sleep(0)


@pytest.fixture
def room():
    return Room()


async def test_a_place_that_comes_free_is_given_at_once_and_to_nobody_else(room):
    """Who waited holds it before a newcomer can ask, and gives it back like any other."""
    tier = fleet(1, limits=ONE)
    held = tier.take()
    waiting = await room.joins(tier)
    held.release()
    assert tier.take() is None
    place = await waiting
    assert (place.tier, place.lease.replica, tier.inflight) == (tier, tier.replicas[0], 1)
    place.lease.release()
    assert (tier.inflight, tier.queued, tier.room) == (0, 0, None)
    assert room.outcomes == ["served"]


async def test_a_place_that_is_free_by_now_is_taken_without_waiting(room):
    """A tier that was full when it was asked may not be any more, and then nothing would ever wake who waits for it."""
    tier = fleet(1, limits=ONE)
    place = await (await room.joins(tier))
    assert (place.lease.replica, room.events) == (tier.replicas[0], [])


async def test_places_are_given_in_the_order_of_the_line(room):
    """High before normal before low, whoever came first."""
    tier = fleet(1, limits=ONE)
    held = tier.take()
    tasks = {p: await room.joins(tier, priority=p) for p in ("low", "normal", "high")}
    for priority in ("high", "normal", "low"):
        held.release()
        await settled()
        assert tasks[priority].done()
        held = (await tasks[priority]).lease
    assert tier.queued == 0


async def test_a_full_queue_refuses_at_once(room):
    """max_queue bounds it; 0 means that nobody waits."""
    tier, closed = fleet(1, limits=ONE), fleet(1, limits=Limits(max_inflight=1, max_queue=0))
    tier.take()
    closed.take()
    tasks = [await room.joins(tier) for _ in range(3)]
    with pytest.raises(Overloaded, match="3 requests wait already"):
        await room.room.wait([tier], Work(), team="", priority="high", exclude={})
    with pytest.raises(Overloaded, match="max_queue is 0"):
        await room.room.wait([closed], Work(), team="", priority="high", exclude={})
    assert len(room.room) == 3
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    assert (tier.queued, tier.room, len(room.room)) == (0, None, 0)
    assert room.outcomes == ["refused"] * 2 + ["left"] * 3


async def test_the_time_to_wait_is_bounded(room):
    """Then it is told so, with nothing left behind."""
    tier = fleet(1, limits=Limits(max_inflight=1, queue_timeout_s=0.01))
    tier.take()
    with pytest.raises(Overloaded, match=r"no place came free in 0.01 s \(limits.queue_timeout_s\)"):
        await room.room.wait([tier], Work(), team="", priority="normal", exclude={})
    assert (tier.queued, tier.room) == (0, None)
    assert room.outcomes == ["timeout"]


async def test_what_could_not_be_met_is_refused_early(room):
    """Calls held their place for 8 s lately and one goes before: 16 s are over the 10 that it would wait."""
    clock = Clock()
    tier = fleet(1, clock=clock, limits=ONE)
    lease = tier.take()
    clock.now += 8
    lease.release()
    tier.take()
    first = await room.joins(tier)
    with pytest.raises(Overloaded, match=r"expected in 16\.0 s") as refused:
        await room.room.wait([tier], Work(), team="", priority="normal", exclude={})
    assert refused.value.retry_after_s == 16
    urgent = await room.joins(tier, priority="high")
    assert not urgent.done(), "nobody is before it"
    for task in (first, urgent):
        task.cancel()
    await asyncio.gather(first, urgent, return_exceptions=True)
    assert room.outcomes == ["refused", "left", "left"]


async def test_a_pause_that_is_too_long_is_not_waited_for(room):
    """The engine said when to come again, and so is the caller told."""
    tier = fleet(1, limits=ONE)
    tier.replicas[0].observe(False, "429", retry_after_s=30)
    with pytest.raises(Overloaded) as refused:
        await room.room.wait([tier], Work(), team="", priority="normal", exclude={})
    assert refused.value.retry_after_s == 30


async def test_the_end_of_a_pause_wakes(room):
    """Nothing else happens there: the room looks again when the time is over."""
    clock = asyncio.get_running_loop().time
    tier = fleet(1, clock=clock, limits=ONE)
    tier.replicas[0].observe(False, "429", retry_after_s=0.02)
    waiting = await Room(clock).joins(tier)
    place = await waiting
    assert place.lease.replica is tier.replicas[0]


async def test_an_undrained_replica_wakes(room):
    """So does one that comes up or whose gauges fall: a check says so."""
    tier = fleet(2, limits=ONE)
    tier.drain("r1")
    tier.take()
    waiting = await room.joins(tier)
    tier.undrain("r1")
    assert (await waiting).lease.replica.name == "r1"


async def test_any_of_several_tiers_will_do(room):
    """It is counted once, takes what comes first, and leaves the other line."""
    first, second = fleet(1, limits=ONE), fleet(1, limits=ONE)
    first.take()
    held = second.take()
    waiting = await room.joins(first, second)
    assert (first.queued, second.queued) == (1, 0)
    held.release()
    assert (await waiting).tier is second
    assert (first.room, second.room, first.queued) == (None, None, 0)


async def test_two_places_at_once_are_not_given_to_one(room):
    """A request that waits for two tiers takes one place, and the other goes to the next."""
    first, second = fleet(1, limits=ONE), fleet(1, limits=ONE)
    held = [first.take(), second.take()]
    tasks = [await room.joins(first, second), await room.joins(first, second)]
    for lease in held:
        lease.release()
    places = await asyncio.gather(*tasks)
    assert {place.tier for place in places} == {first, second}
    assert first.inflight == second.inflight == 1


async def test_a_replica_that_failed_it_is_left_to_others(room):
    """Who cannot use the place that came free does not keep it from those behind."""
    tier = fleet(2, limits=ONE)
    leases = {lease.replica.name: lease for lease in (tier.take(), tier.take())}
    picky = await room.joins(tier, exclude={"t": {"r0"}})
    other = await room.joins(tier)
    leases["r0"].release()
    await settled()
    assert (picky.done(), (await other).lease.replica.name) == (False, "r0")
    leases["r1"].release()
    assert (await picky).lease.replica.name == "r1"


async def test_a_caller_that_leaves_as_it_is_served_gives_the_place_to_the_next(room):
    """Cancelled in the same moment, the place is not lost."""
    tier = fleet(1, limits=ONE)
    held = tier.take()
    leaving, staying = await room.joins(tier), await room.joins(tier)
    held.release()
    leaving.cancel()
    await asyncio.gather(leaving, return_exceptions=True)
    assert leaving.cancelled()
    (await staying).lease.release()
    assert tier.inflight == 0
    assert room.outcomes == ["left", "served"]


async def test_what_was_waited_before_counts(room):
    """One deadline for the request, however often it waits."""
    tier = fleet(1, limits=ONE)
    tier.take()
    with pytest.raises(Overloaded, match="no place came free"):
        await room.room.wait([tier], Work(), team="", priority="low", exclude={}, waited_s=10.0)
    assert tier.queued == 0


async def test_many_waiters_are_all_served_or_told(room):
    """A hundred requests over three places that turn over: each gets one, once, and none is left."""
    tier = fleet(3, limits=Limits(max_inflight=1, max_queue=100))
    held = [tier.take() for _ in range(3)]
    tasks = [await room.joins(tier, team=f"team{i % 7}") for i in range(100)]
    for lease in held:
        lease.release()
    served = 0
    while served < 100:
        done, _ = await asyncio.wait([t for t in tasks if t], return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            tasks[tasks.index(task)] = None
            (await task).lease.release()
            served += 1
    assert (tier.inflight, tier.queued, len(room.room)) == (0, 0, 0)
