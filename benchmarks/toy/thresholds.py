"""Which `accept` and `quality` suit the toys: every pair of settings on the outcomes split, nothing called.

    python -m benchmarks.toy.thresholds outcomes.jsonl

Decides each row with the real policy code and the real classifier, takes the recorded answers, and prints the cheapest
settings that keep 98 % of long-only accuracy. The 200 prompts of `python -m benchmarks.toy` are of another split.
"""

import argparse
import json
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import yaml
from rich.progress import track

from classifier.artifact import Classifier, load
from classifier.confidence import confidence
from policies.decide import compile_policy, decide
from policies.facts import facts
from policies.load import loads
from policies.schema import Config
from policies.types import Cascade, Facts, Predicted, TierView
from router.assess import question
from router.money import cost_nusd
from router.prices.quote import price_book

ROOT = Path(__file__).parents[2]
KEPT = 0.98


@dataclass(frozen=True, slots=True)
class Outcome:
    """One setting over all rows. accuracy: mean. cost_nusd: of all attempts. escalated: share of drafts rejected."""

    accept: float
    quality: float
    accuracy: float
    cost_nusd: int
    escalated: float


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("outcomes", type=Path)
    chosen = arguments.parse_args()
    rows = [json.loads(line) for line in chosen.outcomes.read_text().splitlines()]
    text = (ROOT / "configs" / "embedded.yaml").read_text()
    config, classifier = loads(text, "embedded.yaml", {}), load("bundled:toy")
    prepared = [_prepared(row, classifier) for row in track(rows, description="predicting")]
    long = sum(row["correct.long"] for row in rows), sum(_cost(config, "long", row) for row in rows)
    print(f"long only: accuracy {long[0] / len(rows):.3f}, cost {long[1] / 1e9:.6f} USD, {len(rows)} rows")
    found = [
        _simulated(prepared, config, text, accept=accept, quality=quality)
        for quality in track((0.8, 0.85, 0.9, 0.95, 0.98), description="settings")
        for accept in (0.5, 0.55, 0.6, 0.65, 0.7, 0.75, 0.8, 0.85, 0.9, 0.95, 1.0)
    ]
    print("quality accept  accuracy  kept   cost   escalated")
    for one in sorted(found, key=lambda one: one.cost_nusd):
        kept, paid = one.accuracy * len(rows) / long[0], one.cost_nusd / long[1]
        mark = " *" if kept >= KEPT else ""
        figures = f"{one.accuracy:.3f}  {kept:6.1%} {paid:6.1%} {one.escalated:6.1%}"
        print(f"{one.quality:7.2f} {one.accept:6.3f}  {figures}{mark}")


def _prepared(row: dict[str, Any], classifier: Classifier) -> tuple[dict[str, Any], Facts, Predicted]:
    body = {"model": "auto", "messages": row["messages"], "max_tokens": 400}
    body |= {"tools": row["tools"]} if row["tools"] else {}
    found = facts("/v1/chat/completions", body, tags={}, team="", user="", key="", now=datetime.now(UTC))
    assessment = classifier.assess(question(body, found))
    return row, found, Predicted(assessment.quality, assessment.output_p50, assessment.output_p90)


def _cost(config: Config, tier: str, row: dict[str, Any], output: int | None = None) -> int:
    """In nUSD; the prompt's tokens are taken as a third of its characters and ten for the template."""
    price = price_book(config, on=datetime.now(UTC).date()).price(tier)
    prompt = len(str(row["prompt"])) // 3 + 10
    tokens = row[f"output_tokens.{tier}"] if output is None else output
    return cost_nusd(price, input_tokens=prompt, cached_input_tokens=0, output_tokens=tokens) or 0


def _views(config: Config) -> dict[str, TierView]:
    views = {}
    prices = price_book(config, on=datetime.now(UTC).date())
    for name, tier in config.tiers.items():
        price = prices.price(name)
        assert price is not None
        rates = [float(rate) * 1000 for rate in (price.input, price.input, price.output)]
        views[name] = TierView(
            name, tier.context, frozenset(tier.capabilities), "up", *rates, 0, 64, output=tier.output
        )
    return views


def _simulated(prepared: list[Any], config: Config, text: str, *, accept: float, quality: float) -> Outcome:
    changed = yaml.safe_load(text)
    changed["policies"]["default"]["route"]["quality"] = quality
    changed["policies"]["default"]["cascade"]["accept"] = accept
    policy = compile_policy(loads(yaml.safe_dump(changed), "simulated.yaml", {}).policies["default"])
    views, hold = _views(config), changed["policies"]["default"]["cascade"]["hold_tokens"]
    scored = cost = escalated = 0.0
    for row, found, predicted in prepared:
        decision = decide("default", policy, found, predicted, views)
        tiers = list(decision.tiers)
        if decision.cascade is not None:
            stop = _rejected_at(row[f"logprobs.{tiers[0]}"], decision.cascade, hold)
            cost += _cost(config, tiers[0], row, stop)
            if stop is None:
                scored += row[f"correct.{tiers[0]}"]
                continue
            escalated += 1
            tiers = tiers[1:]
        scored += row[f"correct.{tiers[0]}"]
        cost += _cost(config, tiers[0], row)
    return Outcome(accept, quality, scored / len(prepared), round(cost), escalated / len(prepared))


def _rejected_at(logprobs: list[float], cascade: Cascade, hold: int) -> int | None:
    """Tokens after which a draft is stopped, judged every `hold` as the gateway does; None where it is kept."""
    for seen in [*range(hold, len(logprobs), hold), len(logprobs)]:
        if not cascade.accepts(confidence(logprobs[:seen])):
            return seen
    return None


if __name__ == "__main__":
    main()
