"""How long a replay takes: `python -m benchmarks.replay --requests 100000`, on the embedded configuration.

Makes a ledger of decided requests (as the gateway records them, with predictions that vary), replays the same
configuration, which must move nothing, and one with a higher bar.
"""

import argparse
import asyncio
import random
import sys
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from policies.decide import compile_policy, decide
from policies.load import load
from policies.schema import Config
from policies.types import Facts, Predicted, TierView
from router.ledger import Ledger, RequestRow
from router.prices.quote import price_book
from router.replay.recorded import facts_of
from router.replay.report import Report, replay, with_threshold
from router.settings import embedded_config
from router.snapshot import Rates

_S = 1_000_000_000


def rows(config: Config, requests: int, seed: int) -> Iterator[RequestRow]:
    """Requests of one day, decided by `config` on a fleet whose load varies."""
    rng, policy = random.Random(seed), compile_policy(config.policies["default"])
    prices = price_book(config, on=datetime.now(UTC).date())
    for place in range(requests):
        facts = _facts(rng)
        predicted = _predicted(rng)
        views = {name: _view(config, name, Rates.of(prices.price(name)), rng) for name in config.tiers}
        decision = decide("default", policy, facts, predicted, views)
        started_ns = place * 86_400 * _S // requests
        output = max(1, round(predicted.output_p50))
        yield RequestRow(
            request_id=f"req-{place:08}", started_ns=started_ns, ended_ns=started_ns + output * 10_000_000,
            path=facts.path, client_model="auto", policy="default", decision=decision.name, tier=decision.tiers[0],
            model="m", status=200, cache="miss", attempts=1, stream=False, input_tokens=facts.prompt_tokens,
            cached_input_tokens=0, output_tokens=output, reasoning_tokens=0, estimated=False, cost_nusd=1_000,
            facts=facts_of(facts, decision),
        )  # fmt: skip


def _facts(rng: random.Random) -> Facts:
    return Facts(
        path="/v1/chat/completions", model="auto", prompt_tokens=rng.randrange(10, 900), turns=1, has_code=False,
        has_tools=False, has_images=False, wants_json=False, wants_logprobs=False, language="en", stream=False, n=1,
        max_tokens=None,
    )  # fmt: skip


def _predicted(rng: random.Random) -> Predicted:
    weak = rng.random()
    middle = weak + (1 - weak) * rng.random()
    p50 = rng.uniform(5, 300)
    return Predicted({"edge": weak, "short": middle, "long": middle + (1 - middle) / 2}, p50, 1.5 * p50, "benchmark")


def _view(config: Config, name: str, rates: Rates, rng: random.Random) -> TierView:
    tier = config.tiers[name]
    return TierView(
        name=name, context=tier.context, needs_met=frozenset(tier.capabilities), input_nusd=rates.input,
        cached_input_nusd=rates.cached_input, output_nusd=rates.output, inflight=rng.randrange(64), capacity=64,
        ttft_s=round(rng.uniform(0.01, 0.3), 6), inter_token_s=round(rng.uniform(0.005, 0.02), 6), output=tier.output,
    )  # fmt: skip


async def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--requests", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args()
    config = load(embedded_config(), {})
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "ledger.db"
        ledger = Ledger.open(path)
        for row in rows(config, asked.requests, asked.seed):
            ledger.record(row)
        await ledger.flush()
        ledger.close()
        same = _timed("the same configuration", path, config)
        _timed("route.quality 1.0", path, with_threshold(config, "default", quality=1.0))
    return int(bool(same.moved) or same.replayed != asked.requests)


def _timed(told: str, path: Path, config: Config) -> Report:
    began, cpu = time.perf_counter(), time.process_time()
    report = replay(path, config, since_ns=0, until_ns=86_400 * _S)
    seconds, cpu = time.perf_counter() - began, time.process_time() - cpu
    print(f"{told}: {report.replayed} requests in {seconds:.1f} s ({cpu:.1f} s of one core), "
          f"{report.moved} would move")  # fmt: skip
    return report


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
