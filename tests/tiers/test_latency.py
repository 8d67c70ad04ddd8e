"""A replica is taken out for being slow beside its fellows, and for nothing else."""

import pytest

from tests.tiers.fleets import Clock, fleet
from tests.tiers.test_pool import Sleeper, StubEngine
from tiers.breaker import BreakerSettings
from tiers.latency import Timing
from tiers.pool import CHECK_S

OPEN_S = BreakerSettings().open_s


def answers(replica, timing, times=6):
    for _ in range(times):
        replica.observe(True, timing=timing)


def reviewed(tier):
    for replica in tier.replicas:
        tier.review(replica)
    return [replica.state for replica in tier.replicas]


def first(ttft_s, input_tokens=100):
    return Timing(ttft_s=ttft_s, input_tokens=input_tokens)


def test_a_degraded_replica_is_taken_out_and_says_why():
    """Over a second to the first token where the others take a third of one."""
    tier = fleet(3)
    for replica, ttft_s in zip(tier.replicas, (0.3, 1.4, 0.4), strict=True):
        answers(replica, first(ttft_s))
    assert reviewed(tier) == ["up", "ejected", "up"]
    assert str(tier.replicas[1].slow) == "1.4 s to the first token, the others 0.35 s"


@pytest.mark.parametrize(
    ("own", "others"),
    [
        (first(3.9, 12_000), first(0.6, 800)),  # a long prompt takes its time: as 0.93 s for a thousand tokens
        (first(0.9), first(0.1)),  # nine times as slow, and still quick
        (first(3.0), first(1.6)),  # the whole tier is slow: less of it would be slower still
        (Timing(total_s=9.0, output_tokens=300), Timing(total_s=0.5, output_tokens=20)),  # a long answer
        (Timing(total_s=1.5, output_tokens=2), Timing(total_s=0.1, output_tokens=2)),  # a short one, and fixed costs
    ],
)
def test_what_only_looks_slow_stays(own, others):
    """Prompt size, answer length, a slow tier, or a quick one with a quicker fellow eject nobody."""
    tier = fleet(3)
    for replica, timing in zip(tier.replicas, (own, others, others), strict=True):
        answers(replica, timing)
    assert reviewed(tier) == ["up", "up", "up"]


@pytest.mark.parametrize(
    ("own", "others"),
    [
        (first(7.0, 4_000), first(0.8, 4_000)),
        (Timing(ttft_s=0.2, inter_token_s=0.2), Timing(ttft_s=0.2, inter_token_s=0.03)),
        (Timing(total_s=30.0, output_tokens=100), Timing(total_s=3.0, output_tokens=100)),
    ],
    ids=["long prompts alike", "slow tokens", "slow whole answers"],
)
def test_every_kind_of_slowness_counts(own, others):
    """A slow first token, slow tokens in a stream, and slow answers that are not streamed."""
    tier = fleet(3)
    for replica, timing in zip(tier.replicas, (own, others, others), strict=True):
        answers(replica, timing)
    assert reviewed(tier) == ["ejected", "up", "up"]


@pytest.mark.parametrize(("count", "out"), [(1, 0), (2, 1), (3, 1), (4, 2), (7, 3)])
def test_at_most_half_of_a_tier_is_taken_out(count, out):
    """However many are slow; the last one never."""
    tier = fleet(count)
    for place, replica in enumerate(tier.replicas):
        answers(replica, first(0.1 if place == count - 1 else 5.0 + place * 5**place))
    for _ in range(count):
        reviewed(tier)
    assert [replica.state for replica in tier.replicas].count("ejected") <= out


def test_replicas_that_are_out_for_another_reason_count():
    """With one of two down the other stays, slow or not."""
    tier = fleet(2)
    answers(tier.replicas[0], first(9.0))
    answers(tier.replicas[1], first(0.1))
    tier.replicas[1].drain()
    assert reviewed(tier) == ["up", "drained"]


def test_few_calls_judge_nobody_and_old_ones_are_forgotten():
    """Five calls at least, all of the last half minute."""
    clock = Clock()
    tier = fleet(2, clock=clock)
    answers(tier.replicas[0], first(9.0), times=4)
    answers(tier.replicas[1], first(0.1))
    assert reviewed(tier) == ["up", "up"]
    clock.now += 31
    answers(tier.replicas[0], first(9.0), times=4)
    answers(tier.replicas[1], first(0.1))
    assert reviewed(tier) == ["up", "up"]
    answers(tier.replicas[0], first(9.0), times=1)
    assert reviewed(tier) == ["ejected", "up"]


def ejected(clock):
    tier = fleet(2, clock=clock)
    answers(tier.replicas[0], first(9.0))
    answers(tier.replicas[1], first(0.1))
    reviewed(tier)
    return tier, tier.replicas[0]


def probe(tier, replica, timing):
    with tier.take(exclude={"r1"}) as lease:
        assert lease.replica is replica
        replica.observe(True, timing=timing)


def test_a_quick_probe_brings_it_back():
    """After the pause one call tries it; what it was ejected for does not count again."""
    clock = Clock()
    tier, replica = ejected(clock)
    clock.now += OPEN_S
    assert replica.state == "probing"
    probe(tier, replica, first(0.2))
    assert (replica.state, replica.slow) == ("up", None)
    assert reviewed(tier) == ["up", "up"]


def test_a_slow_probe_keeps_it_out_longer_and_never_for_half_a_minute():
    """The pause doubles up to 20 s, so that what is mended is back within 30."""
    clock = Clock()
    tier, replica = ejected(clock)
    for pause_s in (5, 10, 20, 20):
        assert replica.breaker.opens_in_s == pause_s
        clock.now += pause_s
        probe(tier, replica, first(8.0))
        assert replica.state == "ejected"
    clock.now += 20
    probe(tier, replica, first(0.2))
    assert replica.state == "up"


async def test_the_watch_takes_it_out_at_the_next_check():
    """Within ten seconds of growing slow, without anybody asking."""
    sleeper = Sleeper()
    tier = fleet(2)
    tier._sleep = sleeper
    for replica, ttft_s in zip(tier.replicas, (9.0, 0.1), strict=True):
        replica.engine = StubEngine()
        answers(replica, first(ttft_s))
    await tier.open()
    await sleeper.wake(2)
    assert [replica.state for replica in tier.replicas] == ["ejected", "up"]
    assert sleeper.slept[:2] == [CHECK_S, CHECK_S]
    await tier.close()
