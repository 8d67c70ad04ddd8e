"""Microseconds that policies add to a request: facts, rules, decision.

    python benchmarks/policies/decision.py

The decision is taken with the example fleet and its rules, over four tiers and a prediction. Printed is
the processor time of the best of thirty rounds, since whatever else runs on the machine only ever adds.
"""

import time
import timeit
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from policies.decide import compile_policy, decide
from policies.facts import facts, prompt_text
from policies.load import load
from policies.types import Predicted, TierView

CONFIGS = Path(__file__).parents[2] / "configs"
PATH = "/v1/chat/completions"
NOW = datetime(2026, 11, 21, 10, tzinfo=UTC)
QUESTION = "What is the capital of France, and how did it come to be the capital?"
CAN = frozenset({"chat", "completions", "json", "logprobs", "tools"})
PRICES = {"edge": (20.0, 60.0), "short": (100.0, 400.0), "long": (600.0, 2400.0), "managed": (400.0, 1600.0)}


def body(question: str) -> dict[str, object]:
    system = {"role": "system", "content": "You are a helpful assistant of a large company. Be brief."}
    return {"model": "auto", "messages": [system, {"role": "user", "content": question}], "stream": True}


def view(name: str) -> TierView:
    price = PRICES[name]
    return TierView(
        name,
        32_768,
        CAN,
        input_nusd=price[0],
        output_nusd=price[1],
        inflight=3,
        capacity=64,
        ttft_s=0.2,
        inter_token_s=0.02,
    )


def microseconds(call: Callable[[], object], *, calls: int) -> float:
    return min(timeit.repeat(call, number=calls, repeat=30, timer=time.process_time)) / calls * 1e6


def main() -> None:
    env = {"SHORT_KEY": "x", "LONG_KEY": "x", "OPENAI_API_KEY": "x"}
    config = load(CONFIGS / "fleet.yaml", env)
    policy = compile_policy(config.policies["default"])
    short, large = body(QUESTION), body(QUESTION * 1450)
    views = {name: view(name) for name in config.tiers}
    asked = facts(PATH, short, tags={}, now=NOW)
    predicted = Predicted({"edge": 0.8, "short": 0.9, "long": 0.95}, 150.0, 400.0)
    rows = {
        "facts, short chat": microseconds(lambda: facts(PATH, short, tags={}, now=NOW), calls=300),
        "rules": microseconds(lambda: policy.rules.first(asked), calls=1000),
        "decide": microseconds(lambda: decide("default", policy, asked, predicted, views), calls=300),
        "text for the classifier": microseconds(lambda: prompt_text(short), calls=1000),
        "facts, 100 KB prompt": microseconds(lambda: facts(PATH, large, tags={}, now=NOW), calls=20),
    }
    rows["facts + decide (which matches), short chat"] = rows["facts, short chat"] + rows["decide"]
    for name, figure in rows.items():
        print(f"{name:<44}{figure:9.1f} us")


if __name__ == "__main__":
    main()
