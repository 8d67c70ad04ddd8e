"""What budgets and rate limits cost a request: `python -m benchmarks.limits [--redis URL]`.

In memory: CPU microseconds for everything that one request asks of them, from its admission to its settlement. On
Redis: milliseconds until an ask is answered, by the number that ask at once, and asks a second.
"""

import argparse
import asyncio
import itertools
import time
from collections.abc import Iterator
from decimal import Decimal
from statistics import quantiles
from types import SimpleNamespace
from typing import Any, cast

from policies.load import loads
from policies.schema_limits import Redis
from policies.types import Facts, TierView
from router.limits.limits import Limits
from router.limits.memory import MemoryStore
from router.limits.rules import Rules
from router.limits.shared import RedisStore
from router.limits.store import Charge, Draw, Settled
from router.money import Price
from router.prices.book import PriceBook

TIERS = "\n".join(
    ["tiers:", *(f"  {name}: {{engine: llama.cpp, model: 'bundled:{name}'}}" for name in ("edge", "short", "long"))]
)
CASES = {
    "nothing configured": "",
    "one budget": "budgets: [{scope: org, limit_usd: 9000000}]",
    "requests and tokens a minute": "limits: [{scope: 'team:*', rpm: 60000000, tpm: 9000000}]",
    "two budgets, requests and tokens": (
        "budgets: [{scope: org, limit_usd: 9000000}, {scope: 'team:*', limit_usd: 900000}]\n"
        "limits: [{scope: 'team:*', rpm: 60000000, tpm: 9000000}]"
    ),
}
FACTS = Facts(
    path="/v1/chat/completions", model="auto", prompt_tokens=100, turns=1, has_code=False, has_tools=False,
    has_images=False, wants_json=False, wants_logprobs=False, language="en", stream=False, n=1, max_tokens=None,
    team="a",
)  # fmt: skip
FAR_NS = 4_000_000_000_000_000_000


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.limits", description=__doc__)
    parser.add_argument("--redis", default="", help="redis:// or unix:// address of a Redis to measure against")
    parser.add_argument("--requests", type=int, default=20_000)
    asked = parser.parse_args()
    print("in memory, CPU time of one request")
    for name, yaml in CASES.items():
        best = min(asyncio.run(in_memory(yaml, asked.requests)) for _ in range(5))
        print(f"  {name:34} {best:7.2f} us")
    if asked.redis:
        asyncio.run(on_redis(asked.redis, asked.requests))


async def in_memory(yaml: str, count: int) -> float:
    """CPU microseconds of one request."""
    rules, clock = Rules(loads(f"{TIERS}\n{yaml}", "limits.yaml", {})), _minutes()
    limits = Limits(
        MemoryStore(lambda: next(clock)), cast("Any", None), rules=lambda: rules, own=lambda: (), emit=lambda _: None
    )
    price = Price.of(input=Decimal(1), output=Decimal(2))
    prices = PriceBook.from_tiers(dict.fromkeys(("edge", "short", "long"), price))
    views = {
        name: TierView(name, 8192, frozenset({"chat"}), input_nusd=1e3, output_nusd=2e3)
        for name in ("edge", "short", "long")
    }
    request = cast(
        "Any",
        SimpleNamespace(
            facts=FACTS, tags={}, principal=SimpleNamespace(own=None), snapshot=SimpleNamespace(limits=rules)
        ),
    )
    began = time.process_time()
    for _ in range(count):
        allowance = await limits.admit(request)
        if allowance is None:
            continue
        allowance.restrict(views, FACTS, None, prices)
        hold = await allowance.hold(price, 100, 256)
        if hold is not None:
            hold.settle(200_000, 200)
        allowance.used(200)
    return (time.process_time() - began) / count * 1e6


def _minutes() -> Iterator[int]:
    """A clock of microseconds that goes on a minute each time, so that no rate is reached."""
    return itertools.count(1_795_000_000_000_000, 60_000_000)


async def on_redis(url: str, count: int) -> None:
    store = RedisStore.at(url, Redis(timeout_ms=1_000, prefix=f"benchmark-{time.time_ns()}"), source="benchmark")
    await store.open()
    charges = (Charge("team:a/requests", 60_000_000, 1),)
    draws = (Draw("org", 1, 9_000_000_000_000_000, FAR_NS),)

    async def asker(rounds: int, took: list[float]) -> None:
        for _ in range(rounds):
            began = time.perf_counter()
            await store.ask(charges, draws)
            took.append((time.perf_counter() - began) * 1e3)
            store.settle([Settled("org", 1, 1)])

    print(f"on Redis, one rate and one budget in an ask, of {count} asks")
    for together in (1, 16, 128):
        took: list[float] = []
        began = time.perf_counter()
        await asyncio.gather(*(asker(count // 4 // together, took) for _ in range(together)))
        cut = quantiles(took, n=100)
        rate = len(took) / (time.perf_counter() - began)
        print(f"  {together:4} at once: p50 {cut[49]:6.2f} ms, p99 {cut[98]:6.2f} ms, {rate:8.0f} asks/s")
    await store.close()


if __name__ == "__main__":
    main()
