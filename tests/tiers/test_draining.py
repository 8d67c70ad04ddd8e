"""Draining: what runs is finished, nothing new comes, and everybody can see how far it is."""

import asyncio

import pytest

from tests.tiers.fleets import Clock, fleet
from tests.tiers.test_pool import Sleeper, StubEngine
from tiers.breaker import BreakerSettings
from tiers.errors import Unreachable
from tiers.pool import CHECK_S, RECHECK_S
from tiers.types import Limits, Load


def watched(tier, sleeper):
    """The tier's replicas with engines that do as they are told."""
    for replica in tier.replicas:
        replica.engine = StubEngine()
    tier._sleep = sleeper
    return tier


def test_a_drained_replica_is_draining_until_it_is_empty():
    """Then it is drained; undrained it takes work again."""
    tier = fleet(2)
    replica = tier.replicas[0]
    lease = replica.lease()
    tier.drain("r0")
    assert (replica.state, replica.accepts, tier.state()) == ("draining", False, "up")
    lease.release()
    assert replica.state == "drained"
    tier.drain("r1")
    assert tier.state() == "draining"
    tier.undrain("r0")
    assert (replica.state, tier.pick()) == ("up", replica)


async def test_an_interrupted_spot_replica_comes_back_by_itself():
    """Drained when its machine is to be taken away, gone, and taken again when it is back; one drained by hand not."""
    tier = watched(fleet(2, kinds="sr"), Sleeper())
    spot, reserved = tier.replicas
    tier.interrupt("r0")
    tier.drain("r1")
    assert (spot.state, spot.interrupted) == ("drained", True)
    for replica in tier.replicas:
        await replica.check()
        assert replica.draining, "it still answers"
        replica.engine.error = Unreachable("gone")
        await replica.check()
        replica.engine.error = None
        await replica.check()
    assert (spot.state, reserved.state) == ("up", "drained")


def test_a_changed_configuration_keeps_drained_what_was_drained():
    """By name; a replica that is new is not."""
    before, after = fleet(3), fleet(2)
    before.drain("r0")
    before.interrupt("r1")
    after.inherit(before)
    assert [(r.draining, r.interrupted) for r in after.replicas] == [(True, False), (True, True)]


@pytest.mark.parametrize(
    ("spoil", "state"),
    [
        (lambda r: None, "up"),
        (lambda r: setattr(r, "up", False), "down"),
        (lambda r: r.breaker.trip(), "ejected"),
        (lambda r: r.gauges.read(Load(waiting=99)), "full"),
        (lambda r: [r.lease() for _ in range(4)], "full"),
        (lambda r: r.observe(False, "429", retry_after_s=9), "full"),
    ],
)
def test_the_state_says_why_nothing_is_sent(spoil, state):
    """One word for a person, and it accepts exactly where that is `up`."""
    replica = fleet(1, limits=Limits(max_inflight=4)).replicas[0]
    spoil(replica)
    assert (replica.state, replica.accepts) == (state, state == "up")


def test_an_ejected_replica_is_probed_by_one_call():
    """While that runs nobody else is sent there."""
    clock = Clock()
    tier = fleet(1, clock=clock)
    replica = tier.replicas[0]
    replica.breaker.trip()
    assert tier.opens_in_s == BreakerSettings().open_s
    clock.now += BreakerSettings().open_s
    assert (replica.state, tier.opens_in_s) == ("probing", None)
    with tier.take():
        assert tier.take() is None
        replica.observe(True)
    assert replica.state == "up"


async def test_a_replica_that_its_gauges_hold_back_is_asked_every_second():
    """So that it takes work again soon after it could; the others every ten."""
    sleeper = Sleeper()
    tier = watched(fleet(1), sleeper)
    replica = tier.replicas[0]
    replica.engine.said = Load(kv_cache=0.99)
    await tier.open()
    await sleeper.wake()
    assert (sleeper.slept, replica.state) == ([CHECK_S, RECHECK_S], "full")
    replica.engine.said = Load(kv_cache=0.5)
    await sleeper.wake()
    assert (sleeper.slept[-1], replica.state) == (CHECK_S, "up")
    await tier.close()


async def test_every_change_for_the_better_is_told():
    """A lease that ends, a check, an undraining: whoever waits for room looks again."""
    tier = watched(fleet(1), Sleeper())
    told = asyncio.Queue()
    tier.room = lambda: told.put_nowait(None)
    tier.take().release()
    tier.drain("r0")
    tier.undrain("r0")
    await tier.replicas[0].check()
    assert told.qsize() == 3
