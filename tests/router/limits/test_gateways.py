"""Three gateways, three processes, one Redis, one budget."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager
from pathlib import Path

import aiohttp

from router.ledger.sums import sums
from tests.faults.server import Provider, provider
from tests.faults.speech import WORDS
from tests.redis.server import Server
from tests.sdk.process import Served, serve

CONFIG = """
version: 1
state:
  ledger: sqlite:///ledger.db
  shared: {redis}
  redis: {{prefix: {prefix}, timeout_ms: 5000}}
tiers:
  free: {{engine: openai, model: m, context: 4096, price: {{input: 0, output: 0}}, replicas: [{{url: "{broken}"}}]}}
  paid: {{engine: openai, model: m, context: 4096, price: {{input: 0, output: 1000}},
          limits: {{max_inflight: 500}}, replicas: [{{url: "{sound}"}}]}}
models: {{paid: {{tier: paid}}, free-first: {{policy: default}}}}
policies:
  default:
    rules: [{{name: free-first, use: [free, paid], fallback: false}}]
budgets:
  - {{scope: "team:*", limit_usd: {limit_usd}}}
"""
ANSWER_NUSD = len(WORDS) * 1_000_000
TWENTY_NUSD = 20 * ANSWER_NUSD


@asynccontextmanager
async def three(folder: Path, redis: Server, prefix: str) -> AsyncIterator[tuple[list[Served], Provider]]:
    """The gateways and the provider behind `paid`; the one behind `free` fails."""
    async with AsyncExitStack() as servers:
        broken = await servers.enter_async_context(provider("500"))
        sound = await servers.enter_async_context(provider())
        text = CONFIG.format(
            redis=redis.url, prefix=prefix, broken=broken.url, sound=sound.url, limit_usd=TWENTY_NUSD / 1e9
        )
        with ExitStack() as stack:
            yield await asyncio.gather(*(_started(stack, folder / f"{n}", text) for n in range(3))), sound


async def _started(stack: ExitStack, folder: Path, config: str) -> Served:
    folder.mkdir()
    (folder / "tiergate.yaml").write_text(config)
    return await asyncio.to_thread(stack.enter_context, serve(folder, ["--config", "tiergate.yaml"]))


async def answers(gateways: list[Served], model: str, count: int, *, team: str) -> Counter[int]:
    """Statuses of so many requests sent to all gateways at once."""

    async def ask(number: int) -> int:
        body = {"model": model, "max_tokens": len(WORDS), "messages": [{"role": "user", "content": f"word {number}"}]}
        url = gateways[number % len(gateways)].url + "/v1/chat/completions"
        async with client.post(url, json=body, headers={"x-tiergate-tags": f"team={team}"}) as reply:
            await reply.read()
            return reply.status

    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as client:
        return Counter(await asyncio.gather(*(ask(number) for number in range(count))))


def spent_nusd(folder: Path) -> int:
    return sum(row.attempts.cost_nusd for n in range(3) for row in sums(folder / f"{n}" / "ledger.db"))


async def test_three_gateways_do_not_overrun_a_budget_for_twenty(tmp_path, redis, prefix):
    """Five hundred at once over three processes: twenty are paid for, say the callers, the provider and the ledgers.

    Nor does a free tier lead around another team's budget by failing in front of the paid one.
    """
    async with three(tmp_path, redis, prefix) as (gateways, sound):
        assert await answers(gateways, "paid", 500, team="a") == {200: 20, 429: 480}
        assert sound.attempts == 20
        told = await answers(gateways, "free-first", 300, team="b")
        assert told[200] == sound.attempts - 20 <= 20
        assert told[200] >= 10 and set(told) <= {200, 429, 502, 503}
    assert spent_nusd(tmp_path) == sound.attempts * ANSWER_NUSD
