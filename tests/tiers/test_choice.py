"""The next replica: the lighter of two, the warm one where that costs nobody, never one over a limit."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.tiers.fleets import fleet
from tests.tiers.traffic import simulate
from tiers.affinity import Affinity, rendezvous
from tiers.pool import Work
from tiers.types import Limits, Load

TALK = Work(1000, prefixes=(3, 2, 1))


def drift(tier, calls, work):
    """Where so many calls that never end are sent."""
    return [tier.take(work).replica.name for _ in range(calls)]


@pytest.mark.parametrize("rate", [10, 150])
def test_work_of_uneven_size_is_spread_evenly(rate):
    """With 80 or 1,200 calls under way the busiest of eight replicas has little more than the mean."""
    assert simulate(rate, affine=False).imbalance < (1.25 if rate == 10 else 1.05)


@pytest.mark.parametrize("gateways", [1, 3])
def test_conversations_stay_where_their_cache_is(gateways):
    """Most later turns find it, against under half by chance, and the busiest replica has a fifth more at most."""
    warm = simulate(40, affine=True, gateways=gateways)
    cold = simulate(40, affine=False, gateways=gateways)
    assert warm.share > (0.93 if gateways == 1 else 0.78)
    assert cold.share < 0.5
    assert warm.imbalance < 1.2


def test_gateways_that_know_nothing_of_each_other_do_not_herd():
    """Ten gateways, each with one replica too busy, leave no replica without work and flood none."""
    places = Counter()
    for seed in range(10):
        tier = fleet(8, seed=seed)
        tier.replicas[0].lease(5000)
        places.update(drift(tier, 16, Work(500)))
    assert min(places[f"r{i}"] for i in range(1, 8)) > 10
    assert max(places.values()) < 35


@given(st.data())
def test_a_replica_over_a_limit_is_never_chosen(data):
    """Whatever the prefixes, exclusions and loads: down, draining, ejected, full and over its gauges are left out."""
    count = data.draw(st.integers(1, 6))
    tier = fleet(count, limits=Limits(max_inflight=3), seed=data.draw(st.integers(0, 99)))
    sound = set()
    for replica in tier.replicas:
        wrong = data.draw(st.sampled_from(["", "down", "drain", "trip", "full", "kv", "busy"]))
        if wrong == "down":
            replica.up = False
        elif wrong == "drain":
            replica.drain()
        elif wrong == "trip":
            replica.breaker.trip()
        elif wrong == "full":
            replica.inflight = 3
        elif wrong == "kv":
            replica.gauges.read(Load(kv_cache=0.9))
        elif wrong == "busy":
            replica.observe(False, "429", retry_after_s=5)
        else:
            sound.add(replica.name)
    exclude = data.draw(st.sets(st.sampled_from([r.name for r in tier.replicas])))
    prefixes = tuple(data.draw(st.lists(st.integers(0, 3), max_size=3)))
    for _ in range(6):
        lease = tier.take(Work(10, prefixes), exclude=exclude)
        if lease is None:
            assert not [r for r in tier.replicas if r.name in sound - exclude and r.inflight < 3]
            return
        assert lease.replica.name in sound - exclude
        assert lease.replica.inflight <= 3


def test_own_tokens_come_before_gauges_and_gauges_before_chance():
    """A fuller cache does not outweigh our own calls; where these are alike it decides."""
    tier = fleet(2)
    a, b = tier.replicas
    a.gauges.read(Load(kv_cache=0.8))
    b.gauges.read(Load(kv_cache=0.1))
    assert {tier.pick(Work(100)) for _ in range(20)} == {b}
    b.lease(500)
    assert {tier.pick(Work(100)) for _ in range(20)} == {a}


@pytest.mark.parametrize("known", [0.0, 0.8])
def test_an_unknown_gauge_is_neither_idle_nor_busy(known):
    """A replica without gauges is preferred to a busy one and not to an idle one."""
    tier = fleet(2)
    a, b = tier.replicas
    a.gauges.read(Load(kv_cache=known))
    assert tier.pick(Work(100)) is (a if known == 0.0 else b)


def test_a_warm_replica_that_is_over_its_share_is_passed_by():
    """The next turn follows its cache until that costs more than a prompt read again."""
    tier = fleet(2)
    home = tier.take(TALK).replica
    assert {tier.pick(TALK) for _ in range(20)} == {home}
    home.lease(5000)
    assert home not in {tier.pick(TALK) for _ in range(20)}


def test_a_common_beginning_goes_where_it_was_served():
    """Another conversation under the same instructions finds them in the cache."""
    tier = fleet(8)
    lease = tier.take(Work(100, prefixes=(11, 1)))
    lease.release()
    assert {tier.pick(Work(100, prefixes=(talk, 1))) for talk in range(20, 40)} == {lease.replica}


def test_idle_gateways_agree_on_a_new_prompt():
    """Without a word between them, and after a start, the same beginning goes to the same replica."""
    for prefix in range(50):
        assert len({fleet(8, seed=seed).pick(Work(100, prefixes=(prefix,))).name for seed in range(3)}) == 1


def test_gateways_agree_on_a_new_prompt_while_replicas_are_out():
    """On the next one that accepts work, and on the same as before for all prompts of the others."""
    for prefix in range(50):
        before = fleet(8).pick(Work(100, prefixes=(prefix,))).name
        tiers = [fleet(8, seed=seed) for seed in range(3)]
        for tier in tiers:
            tier.drain("r3")
        (now,) = {tier.pick(Work(100, prefixes=(prefix,))).name for tier in tiers}
        assert now == before if before != "r3" else now != "r3"


def test_rendezvous_spreads_prefixes_and_moves_few():
    """Every replica gets its share; without one of them only its own prefixes go elsewhere."""
    seeds = [replica.seed for replica in fleet(8).replicas]
    before = [rendezvous(prefix * 7919, seeds) for prefix in range(4000)]
    after = [rendezvous(prefix * 7919, seeds[:-1]) for prefix in range(4000)]
    assert all(380 < count < 620 for count in Counter(before).values())
    assert all(old == new for old, new in zip(before, after, strict=True) if old != 7)


def test_affinity_is_bounded_and_forgets_the_oldest():
    """What was used again stays."""
    affinity = Affinity(size=3)
    for prefix in (1, 2, 3):
        affinity.remember((prefix,), 0)
    affinity.remember((1,), 1)
    affinity.remember((4,), 0)
    assert len(affinity) == 3
    assert (affinity.served((2,)), affinity.served((9, 1))) == ((0, 1), (0b11, 1))


def test_the_preferred_class_takes_work_while_it_can():
    """Spot first, reserved when spot is full or gone; back to spot afterwards."""
    tier = fleet(4, kinds="rrss", prefer="spot", limits=Limits(max_inflight=2))
    leases = [tier.take() for _ in range(4)]
    assert {lease.replica.name for lease in leases} == {"r2", "r3"}
    assert tier.pick().name in ("r0", "r1")
    for lease in leases:
        lease.release()
    for name in ("r2", "r3"):
        tier.interrupt(name)
    assert {tier.pick().name for _ in range(20)} == {"r0", "r1"}
    tier.undrain("r3")
    assert {tier.pick().name for _ in range(20)} == {"r3"}
