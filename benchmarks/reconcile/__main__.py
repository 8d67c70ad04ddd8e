"""Mixed requests through real llama.cpp, then the ledger against the engines' own counters: the gap must be 0.

`python -m benchmarks.reconcile --requests 1000`: streamed and not, answered by drafts, escalated and pinned, left by
the caller before the first token and in the middle. Exit 1 where a single token differs.
"""

import argparse
import asyncio
import random
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

import aiohttp

from benchmarks.reconcile.gateway import running
from router.reconcile.engines import against_engines

QUESTIONS = (
    "What is the capital of France?", "What is 48 plus 27?", "Explain how rain forms in detail.",
    "Write the word house backwards.", "Name three colours.", "Which is larger, 12 or 21?", "Hello!",
)  # fmt: skip


async def mixed(url: str, requests: int, seed: int, concurrency: int = 8) -> Counter[str]:
    """What happened, by kind."""
    rng, done, gate = random.Random(seed), Counter[str](), asyncio.Semaphore(concurrency)
    plans = [(_body(rng), rng.choice(("stay", "stay", "stay", "leave early", "leave midway"))) for _ in range(requests)]
    async with aiohttp.ClientSession() as client:

        async def one(body: dict[str, Any], manner: str) -> None:
            async with gate:
                done[await _ask(client, url, body, manner)] += 1

        await asyncio.gather(*(one(*plan) for plan in plans))
    return done


def _body(rng: random.Random) -> dict[str, Any]:
    return {
        "model": rng.choice(("auto", "auto", "auto", "edge", "short", "long")),
        "messages": [{"role": "user", "content": f"{rng.choice(QUESTIONS)} ({rng.randrange(10_000)})"}],
        "stream": rng.random() < 0.5,
        "max_tokens": rng.choice((4, 16, 64, 200)),
        "temperature": rng.choice((0, 0.8)),
        "n": rng.choice((1, 1, 1, 2)),
    }


async def _ask(client: aiohttp.ClientSession, url: str, body: dict[str, Any], manner: str) -> str:
    limit = None if manner == "stay" else 0.002 if manner == "leave early" else 0.03
    try:
        async with asyncio.timeout(limit), client.post(f"{url}/v1/chat/completions", json=body) as reply:
            if manner == "leave midway" and body["stream"]:
                await reply.content.readany()
                return "left midway"
            await reply.read()
            return f"{reply.status} {'streamed' if body['stream'] else 'whole'}"
    except TimeoutError:
        return "left"


async def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--requests", type=int, default=1_000)
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        began = time.time_ns()
        async with running(Path(folder)) as url:
            done = await mixed(url, asked.requests, asked.seed)
        gaps = against_engines(Path(folder) / "ledger.db", since_ns=0, until_ns=time.time_ns())
        print(f"{asked.requests} requests in {(time.time_ns() - began) / 1e9:.1f} s: {dict(done)}")
        for gap in gaps:
            print(f"{gap.where:14} {gap.figure:7} ledger {gap.ledger:8} engine {gap.theirs:8} gap {gap.difference}")
    return int(not gaps or any(gap.difference for gap in gaps))


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
