"""Counting in memory and on Redis: the same asks give the same answers, whatever the number of gateways."""

import asyncio
from itertools import count

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule, run_state_machine_as_test
from redis.asyncio import Redis

from policies.schema_limits import Redis as RedisSettings
from router.limits.gcra import MINUTE_US
from router.limits.memory import MemoryStore
from router.limits.shared import RedisStore
from router.limits.store import Charge, Draw, Settled

FAR_NS = 4_000_000_000_000_000_000
START_US = 1_795_000_000_000_000
RATES = {"slow": 3, "key:a/requests": 60, "team:b/tokens": 50_000, "fast": 7_000_000}
CAPS = {"org": 10, "team:ä": 2_500_000_000_000, "warned": None}
MOST = {"org": 4, "team:ä": 900_000_000_000, "warned": 10**15}

charges = st.lists(st.sampled_from(sorted(RATES)), unique=True, max_size=3).flatmap(
    lambda names: st.tuples(
        *(st.builds(Charge, st.just(n), st.just(RATES[n]), st.integers(0, RATES[n])) for n in names)
    )
)
draws = st.lists(st.sampled_from(sorted(CAPS)), unique=True, max_size=3).flatmap(
    lambda names: st.tuples(
        *(st.builds(Draw, st.just(n), st.integers(0, MOST[n]), st.just(CAPS[n]), st.just(FAR_NS)) for n in names)
    )
)
_prefixes = count()


class Both(RuleBasedStateMachine):
    """One gateway in memory against two that share a Redis. url: of the Redis."""

    url = ""

    def __init__(self) -> None:
        super().__init__()
        self.now_us = START_US
        self.runner = asyncio.Runner()
        self.memory = MemoryStore(lambda: self.now_us)
        self.held: list[tuple[RedisStore, Draw]] = []
        prefix = f"both-{next(_prefixes)}"
        self.gateways = [self.runner.run(self.opened(prefix, source)) for source in ("one", "other")]

    async def opened(self, prefix: str, source: str) -> RedisStore:
        client = Redis.from_url(self.url, single_connection_client=True)
        asked = RedisSettings(timeout_ms=5_000, prefix=prefix)
        store = RedisStore(client, asked, source=source, now_us=lambda: self.now_us)
        await store.open()
        return store

    def on(self, gateway: RedisStore, work) -> None:
        async def done():
            work(gateway)
            await gateway.flush()

        self.runner.run(done())

    @rule(us=st.integers(0, 2 * MINUTE_US))
    def wait(self, us: int) -> None:
        self.now_us += us

    @rule(which=st.integers(0, 1), charges=charges, draws=draws)
    def ask(self, which: int, charges, draws) -> None:
        gateway = self.gateways[which]
        answer = self.runner.run(gateway.ask(charges, draws))
        assert answer == self.runner.run(self.memory.ask(charges, draws))
        if answer.granted:
            self.held += [(gateway, draw) for draw in draws]

    @precondition(lambda self: self.held)
    @rule(place=st.integers(0), share=st.one_of(st.none(), st.floats(0, 1.5)))
    def settle(self, place: int, share: float | None) -> None:
        gateway, draw = self.held.pop(place % len(self.held))
        end = Settled(draw.pot, draw.amount, None if share is None else int(draw.amount * share))
        self.memory.settle([end])
        self.on(gateway, lambda store: store.settle([end]))

    @rule(which=st.integers(0, 1), rate=st.sampled_from(sorted(RATES)), share=st.floats(-1, 1))
    def correct(self, which: int, rate: str, share: float) -> None:
        charge = Charge(rate, RATES[rate], int(RATES[rate] * share))
        self.memory.correct([charge])
        self.on(self.gateways[which], lambda store: store.correct([charge]))

    @rule(which=st.integers(0, 1), pot=st.sampled_from(sorted(CAPS)), spent=st.integers(0, 3))
    def seed(self, which: int, pot: str, spent: int) -> None:
        self.memory.seed(pot, spent, 1, FAR_NS)
        self.on(self.gateways[which], lambda store: store.seed(pot, spent, 1, FAR_NS))

    @rule(which=st.integers(0, 1), pot=st.sampled_from(sorted(CAPS)))
    def look(self, which: int, pot: str) -> None:
        """Whatever is asked of a pot tells what all gateways have of it."""
        gateway = self.gateways[which]
        self.runner.run(gateway.ask((), (Draw(pot, 0, None, FAR_NS),)))
        assert gateway.total(pot) == self.memory.total(pot)

    def teardown(self) -> None:
        for gateway in self.gateways:
            self.runner.run(gateway.close())
        self.runner.close()


def test_memory_and_redis_give_the_same_answers(redis):
    """Charges, holds, settlements, corrections and seeds on two gateways: every answer is that of one in memory."""
    machine = type("OnThisRedis", (Both,), {"url": redis.url})
    run_state_machine_as_test(machine, settings=settings(max_examples=25, stateful_step_count=25, deadline=None))
