"""An outage, second by second: few requests meet it, and what is mended is back within half a minute."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.tiers.fleets import Clock, fleet
from tests.tiers.test_pool import StubEngine
from tiers.errors import Unreachable
from tiers.pool import Work


def serve(tier, clock, *, broken, until, per_s=4.0):
    """One request after another, each given to a second replica where it failed; (failures by replica, answers)."""
    failed, answered = {}, {}
    while clock.now < until:
        clock.now += 1 / per_s
        tried = set()
        while (lease := tier.take(Work(100), exclude=tried)) is not None:
            name = lease.replica.name
            tried.add(name)
            fails = broken(name, clock.now)
            with lease:
                lease.replica.observe(not fails, "5xx" if fails else None)
            count = failed if fails else answered
            count.setdefault(name, []).append(clock.now)
            if not fails:
                break
    return failed, answered


def test_an_outage_of_a_minute_costs_few_tries_and_ends_within_half_a_minute():
    """Five failures and then only probes; every request is answered by the other replica."""
    clock = Clock(0.0)
    tier = fleet(2, clock=clock)
    failed, answered = serve(tier, clock, broken=lambda name, now: name == "r0" and now < 60, until=120)
    assert len(failed["r0"]) <= 5 + 6
    assert sum(map(len, answered.values())) == 480
    assert 60 <= answered["r0"][0] <= 90


@given(st.floats(0.1, 0.9), st.integers(0, 99))
@settings(max_examples=25)
def test_a_flapping_replica_is_mostly_left_alone_and_always_taken_back(share, seed):
    """Failing a part of every ten seconds for a minute, then sound."""
    clock = Clock(0.0)
    tier = fleet(2, clock=clock, seed=seed)
    failed, answered = serve(
        tier, clock, broken=lambda name, now: name == "r0" and now < 60 and now % 10 < 10 * share, until=120
    )
    assert len(failed["r0"]) <= 5 * 7
    assert sum(map(len, answered.values())) == 480
    assert any(60 <= at <= 90 for at in answered["r0"])


def test_a_lone_replica_that_is_broken_is_taken_out_too():
    """An error at once is better than a timeout each; the first probe after the outage brings it back."""
    clock = Clock(0.0)
    tier = fleet(1, clock=clock)
    failed, answered = serve(tier, clock, broken=lambda _, now: now < 60, until=120)
    assert len(failed["r0"]) <= 5 + 6
    assert answered["r0"][0] <= 90


@pytest.mark.parametrize("pause_s", [0, 4])
async def test_a_replica_that_was_restarted_is_tried_at_once(pause_s):
    """It has just said that it is there; what it did before does not keep it out."""
    clock = Clock()
    tier = fleet(1, clock=clock)
    replica = tier.replicas[0]
    replica.engine = StubEngine()
    replica.breaker.trip()
    clock.now += pause_s
    replica.engine.error = Unreachable("gone")
    await replica.check()
    replica.engine.error = None
    await replica.check()
    assert replica.state == "probing"
    with tier.take() as lease:
        lease.replica.observe(True)
    assert replica.state == "up"
