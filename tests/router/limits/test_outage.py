"""A Redis that goes away: what holds meanwhile is configured, and nothing is forgotten or counted twice."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from redis.asyncio import Redis

from policies.schema_limits import Redis as Settings
from router.limits.place import source_of
from router.limits.shared import RedisStore
from router.limits.store import Charge, Draw, Settled
from tests.redis.server import Server, server

FAR_NS = 4_000_000_000_000_000_000
RATE = Charge("org/requests", 2, 1)


def draw(amount: int, pot: str = "org", cap: int | None = 100) -> Draw:
    return Draw(pot, amount, cap, FAR_NS)


@pytest.fixture
def own_redis(tmp_path):
    """One that may be taken away."""
    with server(tmp_path) as running:
        yield running


@asynccontextmanager
async def store(redis: Server, source: str = "one", **asked: object) -> AsyncIterator[RedisStore]:
    settings = Settings(**{"timeout_ms": 2_000, "retry_s": 0.01, **asked})
    opened = RedisStore.at(redis.url, settings, source=source)
    await opened.open()
    try:
        yield opened
    finally:
        await opened.close()


async def granted(gateway: RedisStore, wanted: Draw) -> bool:
    return (await gateway.ask((), (wanted,))).granted


async def until_back(gateway: RedisStore) -> None:
    while gateway.away:
        await asyncio.sleep(0.005)


async def test_budgets_are_closed_and_limits_open_without_redis(own_redis):
    """The defaults: what costs nothing passes, what costs something does not, and rates let everything through."""
    async with store(own_redis) as gateway:
        assert await granted(gateway, draw(40))
        own_redis.stop()
        answer = await gateway.ask((), (draw(1),))
        assert (answer.granted, answer.closed, answer.away) == (False, True, True)
        assert await granted(gateway, draw(0)) and await granted(gateway, draw(5, "warned", None))
        assert [(await gateway.ask((RATE,), ())).granted for _ in range(5)] == [True] * 5


async def test_closed_limits_let_nothing_through(own_redis):
    """`limits: closed` refuses until Redis is back."""
    async with store(own_redis, limits="closed") as gateway:
        own_redis.stop()
        assert (await gateway.ask((RATE,), ())).closed
        own_redis.start()
        await until_back(gateway)
        assert (await gateway.ask((RATE,), ())).granted


async def test_a_lease_is_a_share_of_what_was_left(own_redis):
    """With `lease` a gateway may spend its share of what nobody had used when Redis was last seen."""
    async with store(own_redis, budgets="lease", lease_share=0.5) as gateway, store(own_redis, "other") as other:
        assert await granted(other, draw(20)) and await granted(gateway, draw(40))
        own_redis.stop()
        assert await granted(gateway, draw(15))
        assert await granted(gateway, draw(5))
        assert not await granted(gateway, draw(1)), "half of the 40 that were left are used"


async def test_an_empty_redis_learns_what_was_spent(own_redis):
    """After a restart without its memory every gateway's figures are there again, what was spent meanwhile too."""
    async with store(own_redis, budgets="open") as gateway, store(own_redis, "other", budgets="open") as other:
        assert await granted(gateway, draw(40)) and await granted(other, draw(30))
        own_redis.stop()
        gateway.settle([Settled("org", 40, 50)])
        assert await granted(gateway, draw(5)), "open: counted here, refused by nobody"
        assert await granted(other, draw(0))
        own_redis.start()
        await until_back(gateway)
        await until_back(other)
        await gateway.flush()
        await other.flush()
        assert not await granted(gateway, draw(16))
        assert await granted(gateway, draw(15))
        await other.ask((), (draw(0),))
        assert other.total("org") == gateway.total("org") == (50, 50, 0)


async def test_redis_may_be_away_when_the_gateway_starts(own_redis):
    """It starts, serves as configured, and shares its figures once there is a Redis."""
    own_redis.stop()
    async with store(own_redis) as gateway:
        gateway.seed("org", 90, 0, FAR_NS)
        assert gateway.away and not await granted(gateway, draw(1))
        own_redis.start()
        await until_back(gateway)
        assert not await granted(gateway, draw(11)) and await granted(gateway, draw(10))


async def test_a_restarted_gateway_is_not_counted_twice(own_redis, tmp_path):
    """What it held when it died counts until it is back under the same name, with the figures of its ledger."""
    name = source_of(tmp_path / "ledger.db")
    async with store(own_redis, name) as gateway, store(own_redis, "other") as other:
        assert await granted(gateway, draw(60))
        assert not await granted(other, draw(50))
        async with store(own_redis, source_of(tmp_path / "ledger.db")) as again:
            again.seed("org", 45, 0, FAR_NS)
            await again.flush()
            assert await granted(other, draw(50)) and not await granted(other, draw(6))


async def test_a_caller_that_leaves_while_it_asks_holds_nothing(redis, prefix):
    """Cancelled before or after the answer came: in the end nothing is reserved."""
    async with store(redis, prefix=prefix) as gateway:
        asks = [asyncio.create_task(gateway.ask((), (draw(10),))) for _ in range(8)]
        for n, ask in enumerate(asks):
            for _ in range(n):
                await asyncio.sleep(0)
            ask.cancel()
        ended = await asyncio.gather(*asks, return_exceptions=True)
        held = sum(10 for answer in ended if not isinstance(answer, BaseException) and answer.granted)
        await gateway.flush()
        await gateway.flush()
        assert gateway.total("org").reserved == held
        async with store(redis, "other", prefix=prefix) as other:
            assert await granted(other, draw(100 - held))


async def test_a_slow_redis_is_not_waited_for(own_redis):
    """A server that is stopped in its tracks costs a request no more than the timeout, and its late reply nothing."""
    async with store(own_redis, timeout_ms=50, budgets="open") as gateway:
        assert await granted(gateway, draw(10))
        own_redis.freeze()
        began = asyncio.get_running_loop().time()
        assert (await gateway.ask((), (draw(10),))).away
        assert asyncio.get_running_loop().time() - began < 1
        own_redis.thaw()
        await until_back(gateway)
        await gateway.flush()
        async with store(own_redis, "other") as other:
            assert await granted(other, draw(80)) and not await granted(other, draw(1))


async def test_figures_that_cannot_be_read_answer_nobody_late(own_redis):
    """Whatever stands under a budget's name, who asks is answered as if Redis were away, and told in the log."""
    async with store(own_redis) as gateway:
        client = Redis.from_url(own_redis.url)
        await client.hset("{tiergate}:budget:org", "stranger", "no figures")
        assert (await gateway.ask((), (draw(1),))).closed
        await client.delete("{tiergate}:budget:org")
        await client.aclose()
        await until_back(gateway)
        assert await granted(gateway, draw(1))
