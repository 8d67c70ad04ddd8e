"""A tier sends to the replica that has least to do and leaves out those that cannot serve."""

import asyncio
import random
from collections import Counter

import pytest

from tiers.breaker import BreakerSettings
from tiers.errors import EngineFailed, Misconfigured, TimedOut, Unreachable
from tiers.latency import Timing
from tiers.pool import CHECK_S, Tier
from tiers.types import Limits, Load, ReplicaSpec, TierSpec

FAILURES = BreakerSettings().consecutive
OPEN_S = BreakerSettings().open_s


class Clock:
    def __init__(self):
        self.now = 1000.0

    def __call__(self):
        return self.now


class Sleeper:
    """Pauses that a test ends one by one; `slept` lists their seconds."""

    def __init__(self):
        self.slept = []
        self._waiting = []

    async def __call__(self, seconds):
        self.slept.append(seconds)
        gate = asyncio.Event()
        self._waiting.append(gate)
        await gate.wait()

    async def wake(self, sleepers=1):
        """End the pause of that many, and return when they pause again."""
        await self._until(sleepers)
        waiting, self._waiting = self._waiting, []
        for gate in waiting:
            gate.set()
        await self._until(sleepers)

    async def _until(self, sleepers):
        while len(self._waiting) < sleepers:
            await asyncio.sleep(0)


class StubEngine:
    """Opens and reports load as it is told; `error` is raised by both."""

    def __init__(self):
        self.error = None
        self.said = Load()
        self.opened = self.closed = 0

    async def open(self):
        self.opened += 1
        if self.error:
            raise self.error

    async def load(self):
        if self.error:
            raise self.error
        return self.said

    async def close(self):
        self.closed += 1


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def sleeper():
    return Sleeper()


@pytest.fixture
async def tier(clock, sleeper):
    """Three replicas a, b, c, open."""
    places = tuple(ReplicaSpec(url=f"http://{n}:8000/v1", name=n) for n in "abc")
    spec = TierSpec("short", "vllm", "m", replicas=places, limits=Limits(max_inflight=4, max_waiting=8))
    made = Tier(spec, [StubEngine() for _ in places], clock=clock, rng=random.Random(1), sleep=sleeper)
    await made.open()
    yield made
    await made.close()


def fail(replica, reason="5xx", times=FAILURES):
    for _ in range(times):
        replica.observe(False, reason)


async def test_the_busier_of_two_is_not_next(tier):
    """Own tokens in flight decide between two, so the busiest of all is never chosen; a lease counts until it ends."""
    a, b, c = tier.replicas
    with a.lease(200), b.lease(100):
        assert {tier.pick() for _ in range(50)} == {b, c}
        assert tier.pick(exclude={"a"}) is c
        with c.lease(300):
            assert tier.pick(exclude={"a"}) is b
        assert (tier.inflight, a.tokens, b.tokens, c.tokens) == (2, 200, 100, 0)
    assert (tier.inflight, a.tokens) == (0, 0)


async def test_ties_are_broken_at_random(tier):
    """Idle replicas share the work instead of the first getting all of it."""
    seen = Counter(tier.pick().name for _ in range(300))
    assert all(seen[name] > 60 for name in "abc")


async def test_excluded_replicas_are_not_picked(tier):
    """A retry goes elsewhere, and nowhere when all were tried."""
    assert tier.pick(exclude={"a", "b"}).name == "c"
    assert tier.pick(exclude={"a", "b", "c"}) is None


async def test_a_lease_ends_when_its_call_fails(tier):
    """No slot is lost to an exception."""
    replica = tier.pick()
    with pytest.raises(RuntimeError), replica.lease():
        raise RuntimeError
    assert replica.inflight == 0


async def test_a_full_replica_gets_nothing_and_a_full_tier_says_so(tier):
    """At max_inflight on every replica the tier is full, not down."""
    tier.replicas[0].inflight = tier.replicas[1].inflight = 4
    assert tier.pick() is tier.replicas[2]
    tier.replicas[2].inflight = 4
    assert (tier.pick(), tier.state()) == (None, "full")
    assert (tier.inflight, tier.capacity) == (12, 12)


@pytest.mark.parametrize("load", [Load(kv_cache=0.86), Load(waiting=9)])
async def test_engine_gauges_over_the_limit_make_it_full(tier, load):
    """KV cache and queue count as scraped."""
    for replica in tier.replicas:
        replica.engine.said = load
        await replica.check()
    assert tier.state() == "full"


@pytest.mark.parametrize("load", [Load(kv_cache=0.85), Load(waiting=8), Load()])
async def test_gauges_at_the_limit_or_absent_do_not(tier, load):
    """What an engine does not say holds nobody back."""
    for replica in tier.replicas:
        replica.engine.said = load
        await replica.check()
    assert tier.state() == "up"


async def test_a_failing_replica_is_left_out_and_probed_later(tier, clock):
    """After the pause one call tries it; its answer brings it back."""
    a = tier.replicas[0]
    fail(a)
    assert all(tier.pick() is not a for _ in range(50))
    clock.now += OPEN_S
    assert tier.pick(exclude={"b", "c"}) is a
    with a.lease():
        assert tier.pick(exclude={"b", "c"}) is None
        a.observe(True)
    assert a.breaker.state == "closed"


async def test_a_probe_whose_caller_left_does_not_lock_the_breaker(tier, clock):
    """A lease without a report leaves the next one to probe."""
    a = tier.replicas[0]
    fail(a)
    clock.now += OPEN_S
    with a.lease():
        pass
    assert a.accepts


@pytest.mark.parametrize("reason", ["refused", "context"])
async def test_a_callers_fault_is_no_failure(tier, reason):
    """However many bad requests come, the replica stays in."""
    fail(tier.replicas[0], reason, times=100)
    assert tier.replicas[0].breaker.state == "closed"


@pytest.mark.parametrize("reason", ["5xx", "timeout", "reset", "stream_cut", "config"])
async def test_every_other_fault_counts(tier, reason):
    """Also a wrong key: all calls would fail there."""
    fail(tier.replicas[0], reason)
    assert tier.replicas[0].breaker.state == "open"


@pytest.mark.parametrize("reason", ["429", "overloaded"])
async def test_busy_is_a_pause_and_not_a_failure(tier, clock, reason):
    """It comes back after the time it asked for."""
    a = tier.replicas[0]
    a.observe(False, reason, retry_after_s=7)
    assert a.breaker.state == "closed"
    clock.now += 6.9
    assert not a.accepts
    clock.now += 0.2
    assert a.accepts


async def test_busy_without_a_time_pauses_longer_each_time(tier, clock):
    """Half a second doubles up to half a minute, and starts again after an answer."""
    a = tier.replicas[0]
    for pause_s in (0.5, 1, 2, 4, 8, 16, 30, 30):
        a.observe(False, "overloaded")
        clock.now += pause_s - 0.01
        assert a.full
        clock.now += 0.01
        assert not a.full
    a.observe(True)
    a.observe(False, "overloaded")
    clock.now += 0.5
    assert not a.full


async def test_an_absurd_pause_is_cut(tier, clock):
    """A day of Retry-After is five minutes here."""
    a = tier.replicas[0]
    a.observe(False, "429", retry_after_s=86400)
    clock.now += 300
    assert not a.full


async def test_state_tells_down_from_full_from_draining(tier):
    """Open breakers everywhere are down; draining everywhere is draining."""
    for replica in tier.replicas:
        fail(replica)
    assert (tier.state(), tier.capacity) == ("down", 0)
    for name in "abc":
        tier.drain(name)
    assert tier.state() == "draining"


async def test_a_drained_replica_finishes_and_gets_nothing_new(tier):
    """Undraining brings it back."""
    tier.drain("a")
    with tier.replicas[0].lease():
        assert {tier.pick().name for _ in range(50)} == {"b", "c"}
        assert tier.inflight == 1
    tier.undrain("a")
    assert "a" in {tier.pick().name for _ in range(50)}
    with pytest.raises(KeyError, match="no replica 'x'"):
        tier.drain("x")


async def test_medians_are_unknown_until_measured(tier):
    """Absent is not zero; a slow outlier does not move the median."""
    assert (tier.ttft_s, tier.inter_token_s) == (None, None)
    for ttft_s in (0.1, 0.2, 9.0):
        tier.replicas[0].observe(True, timing=Timing(ttft_s=ttft_s, inter_token_s=0.01))
    assert (tier.ttft_s, tier.inter_token_s) == (0.2, 0.01)


@pytest.mark.parametrize("error", [Unreachable("refused"), TimedOut("no connection", phase="connect")])
async def test_no_connection_takes_a_replica_down_until_it_opens(tier, error):
    """The reason is kept while it is down."""
    a = tier.replicas[0]
    a.engine.error = error
    await a.check()
    assert (a.up, a.accepts, a.error) == (False, False, error)
    a.engine.error = None
    await a.check()
    assert (a.up, a.error) == (True, None)


@pytest.mark.parametrize(
    "error", [EngineFailed("500"), Misconfigured("404"), TimedOut("slow", phase="total"), ValueError("a bug")]
)
async def test_unreadable_metrics_change_nothing_but_the_gauges(tier, error):
    """It goes on serving, with its load unknown."""
    a = tier.replicas[0]
    a.engine.said = Load(kv_cache=0.99)
    await a.check()
    assert not a.accepts
    a.engine.error = error
    await a.check()
    assert (a.up, a.load, a.accepts) == (True, None, True)


@pytest.mark.parametrize("error", [Unreachable("refused"), Misconfigured("bad key"), ValueError("a bug")])
async def test_what_does_not_open_is_tried_again_and_stops_nobody(clock, sleeper, error):
    """The tier opens without it, keeps why, waits longer each time, and takes it when it comes."""
    bad = StubEngine()
    bad.error = error
    spec = TierSpec("t", "vllm", "m", replicas=(ReplicaSpec(name="bad"),))
    tier = Tier(spec, [bad], clock=clock, rng=random.Random(1), sleep=sleeper)
    await tier.open()
    assert tier.state() == "down"
    assert str(error) in tier.replicas[0].error.message
    for _ in range(8):
        await sleeper.wake()
    assert bad.opened == 9
    bounds = [1, 2, 4, 8, 15, 15, 15, 15, 15]
    assert all(most / 2 <= seconds <= most for seconds, most in zip(sleeper.slept, bounds, strict=True))
    bad.error = None
    await sleeper.wake()
    assert (tier.state(), sleeper.slept[-1]) == ("up", CHECK_S)
    await tier.close()
    assert bad.closed == 1


async def test_every_replica_is_asked_for_its_load_every_ten_seconds(tier, sleeper):
    """One check a replica a pause, and no watcher is left after closing."""
    await sleeper.wake(3)
    assert sleeper.slept == [CHECK_S] * 6
    assert all(r.load == Load() for r in tier.replicas)
    await tier.close()
    assert all(r.engine.closed for r in tier.replicas)


async def test_a_replica_without_a_name_is_called_by_its_address():
    """And never by the user or password in its url."""
    spec = TierSpec("t", "vllm", "m", replicas=(ReplicaSpec(url="http://me:pw@10.0.0.4:8000/v1"),))
    tier = Tier(spec, [StubEngine()], clock=Clock(), rng=random.Random(1))
    assert tier.replicas[0].name == "10.0.0.4:8000"
