"""Which `accept` suits the toys, with and without a second draft: settings on the outcomes split, nothing called.

    python -m benchmarks.toy.thresholds outcomes.jsonl --artifact DIR

Decides each row with the real policy code and the real classifier, judges the recorded drafts with the real judge, and
prints what share of long-only accuracy is kept at what share of its cost. The artifact must not have been trained on
the rows. The prompts of `python -m benchmarks.toy` are of another split.
"""

import argparse
import json
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import yaml
from rich.progress import track

from classifier.artifact import Classifier, load
from policies.decide import compile_policy, decide
from policies.facts import facts
from policies.load import loads
from policies.schema import Config
from policies.types import Decision, Facts, Predicted, TierView
from router.assess import question
from router.judging import Judge
from router.money import cost_nusd
from router.prices.quote import price_book

ROOT = Path(__file__).parents[2]
KEPT = 0.98
ACCEPTS = (0.7, 0.75, 0.8, 0.84, 0.87, 0.9, 0.92, 0.94, 0.96, 0.98)
MIXES = ("80 / 20", "corpus")


@dataclass(frozen=True, slots=True)
class Outcome:
    """One setting over all rows: (rows,) marks and costs in nUSD, of all attempts."""

    accept: float
    through: bool
    scores: npt.NDArray[np.float64]
    costs: npt.NDArray[np.float64]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("outcomes", type=Path, help="rows that the artifact was not trained on")
    parser.add_argument("--artifact", default="bundled:toy")
    parser.add_argument("--every", type=int, default=1, help="take one row of so many")
    chosen = parser.parse_args()
    rows = [json.loads(line) for line in chosen.outcomes.read_text().splitlines()][:: chosen.every]
    text = (ROOT / "configs" / "embedded.yaml").read_text()
    config, classifier = loads(text, "embedded.yaml", {}), load(chosen.artifact)
    prepared = [_prepared(row, classifier) for row in track(rows, description="predicting")]
    long = Outcome(
        0.0,
        False,
        *(np.array(each) for each in ([r["correct.long"] for r in rows], [_cost(config, "long", r) for r in rows])),
    )
    settings = [(accept, through) for through in (False, True) for accept in ACCEPTS]
    found = [
        _simulated(prepared, classifier, text, accept=accept, through=through)
        for accept, through in track(settings, description="settings")
    ]
    print("through accept " + "".join(f"| {mix:8} kept   cost " for mix in MIXES))
    for one in found:
        cells = "".join(f"| {_kept(one, long, _weights(rows, mix))} " for mix in MIXES)
        print(f"{'short' if one.through else '':7} {one.accept:6.3f} {cells}")


def _kept(one: Outcome, long: Outcome, weights: npt.NDArray[np.float64]) -> str:
    kept = weights @ one.scores / (weights @ long.scores)
    paid = weights @ one.costs / (weights @ long.costs)
    return f"{kept:14.1%} {paid:6.1%}{'*' if kept >= KEPT else ' '}"


def _weights(rows: list[dict[str, Any]], mix: str) -> npt.NDArray[np.float64]:
    """(rows,): 1, or what makes 80 % of the long tier's tokens those of simple questions (difficulty 1 and 2)."""
    weights = np.ones(len(rows))
    if mix == "80 / 20":
        easy = np.array([row["difficulty"] <= 2 for row in rows])
        lengths = np.array([row["output_tokens.long"] for row in rows], dtype=np.float64)
        weights[easy] = 4.0 * lengths[~easy].sum() / lengths[easy].sum()
    return weights


def _prepared(row: dict[str, Any], classifier: Classifier) -> tuple[dict[str, Any], Facts, Predicted]:
    body = {"model": "auto", "messages": row["messages"], "max_tokens": 400}
    body |= {"tools": row["tools"]} if row["tools"] else {}
    found = facts("/v1/chat/completions", body, tags={}, team="", user="", key="", now=datetime.now(UTC))
    assessment = classifier.assess(question(body, found))
    typical = classifier.acceptance.typical_tokens if classifier.acceptance else None
    predicted = Predicted(assessment.quality, assessment.output_p50, assessment.output_p90, typical_tokens=typical)
    return row, found, predicted


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


def _simulated(prepared: list[Any], classifier: Classifier, text: str, *, accept: float, through: bool) -> Outcome:
    changed = yaml.safe_load(text)
    cascade = changed["policies"]["default"]["cascade"]
    cascade |= {"accept": accept, "through": ["short"] if through else []}
    config = loads(yaml.safe_dump(changed), "simulated.yaml", {})
    policy, views = compile_policy(config.policies["default"]), _views(config)
    scores, costs = [], []
    for row, found, predicted in prepared:
        score, cost = _answered(row, decide("default", policy, found, predicted, views), classifier, config)
        scores.append(score)
        costs.append(cost)
    return Outcome(accept, through, np.array(scores), np.array(costs))


def _answered(row: dict[str, Any], decision: Decision, classifier: Classifier, config: Config) -> tuple[float, int]:
    """Mark and cost in nUSD of what the gateway would have answered from the recorded answers."""
    cost = 0
    for tier in decision.tiers:
        cascade = decision.cascade
        if cascade is None or tier not in cascade.drafts:
            break
        judge = Judge(tier, cascade, decision.predicted, classifier.acceptance, (tier, cascade.rival))
        stop = _rejected_at(row[f"logprobs.{tier}"], judge)
        cost += _cost(config, tier, row, stop)
        if stop is None:
            return row[f"correct.{tier}"], cost
    return row[f"correct.{tier}"], cost + _cost(config, tier, row)


def _rejected_at(logprobs: list[float], judge: Judge) -> int | None:
    """Tokens after which a draft is stopped, judged every `hold` as the gateway does; None where it is kept."""
    hold = judge.cascade.hold_tokens
    for seen in [*range(hold, len(logprobs), hold), len(logprobs)]:
        whole = seen == len(logprobs)
        if not judge.verdict(logprobs[:seen], whole=whole, at_once=whole).kept:
            return seen
    return None


if __name__ == "__main__":
    main()
