"""What routing is worth on the toy family: `python -m benchmarks.toy` asks a real gateway the same questions four ways.

Edge only, short only, long only, routed before the answer, and routed with the cascade; share per tier, accuracy with a
bootstrap interval, cost. Writes docs/benchmarks/toy.md.
"""

import argparse
import json
import random
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from statistics import fmean

import openai
import yaml
from rich.progress import track

from benchmarks.toy.report import write
from tests.sdk.process import serve
from tiers.toys.corpus import questions
from tiers.toys.item import Item
from tiers.toys.judge import judge

ROOT = Path(__file__).parents[2]
WAYS = {"edge": "edge only", "short": "short only", "long": "long only", "routed": "routed", "auto": "routed + cascade"}


@dataclass(slots=True)
class Way:
    """One way of asking. scores: in [0, 1] by question. cost_usd: of all attempts together."""

    name: str
    scores: list[float] = field(default_factory=list)
    cost_usd: list[float] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)
    tiers: Counter[str] = field(default_factory=Counter)
    attempts: int = 0

    @property
    def accuracy(self) -> float:
        return fmean(self.scores)


@dataclass(frozen=True, slots=True)
class Mix:
    """The same questions asked every way."""

    title: str
    items: list[Item]
    ways: list[Way]


def mixed(count: int, seed: int, *, simple: float) -> list[Item]:
    """`count` test questions, of whose answers' characters this share belongs to simple ones (difficulty 1 and 2)."""
    pool = questions("test", 10 * count, seed)
    easy, hard = [i for i in pool if i.difficulty <= 2], [i for i in pool if i.difficulty > 2]
    easy_length, hard_length = (fmean(len(item.expected) for item in items) for items in (easy, hard))
    wanted = round(count * simple * hard_length / (simple * hard_length + (1 - simple) * easy_length))
    chosen = easy[:wanted] + hard[: count - wanted]
    random.Random(seed).shuffle(chosen)
    return chosen


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--prompts", type=int, default=200)
    arguments.add_argument("--seed", type=int, default=1)
    arguments.add_argument("--out", type=Path, default=ROOT / "docs" / "benchmarks" / "toy.md")
    chosen = arguments.parse_args()
    mixes = {
        "80 / 20": mixed(chosen.prompts, chosen.seed, simple=0.8),
        "as the corpus draws them": questions("test", chosen.prompts, chosen.seed),
    }
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "toy.yaml").write_text(yaml.safe_dump(_config()))
        with serve(Path(folder), ["--config", "toy.yaml"]) as served:
            found = [
                Mix(title, items, [_ask(served.url, model, name, items) for model, name in WAYS.items()])
                for title, items in mixes.items()
            ]
    write(chosen.out, found, chosen.prompts, chosen.seed)


def _config() -> dict:
    """The embedded configuration, with one more policy: the same route without the cascade."""
    config = yaml.safe_load((ROOT / "configs" / "embedded.yaml").read_text())
    without = {name: value for name, value in config["policies"]["default"].items() if name != "cascade"}
    config["policies"]["routed"] = without
    config["models"]["routed"] = {"policy": "routed"}
    return config


def _ask(url: str, model: str, name: str, items: list[Item]) -> Way:
    """Every question once, one after the other, greedily, past the cache."""
    way = Way(name)
    with openai.OpenAI(base_url=url + "/v1", api_key="none", max_retries=0) as client:
        for item in track(items, description=f"{name:18}"):
            began = time.perf_counter()
            raw = client.chat.completions.with_raw_response.create(
                model=model, messages=list(item.messages), temperature=0, max_tokens=400,
                extra_headers={"x-tiergate-cache": "off"}, **({"tools": list(item.tools)} if item.tools else {}),
            )  # fmt: skip
            way.seconds.append(time.perf_counter() - began)
            way.scores.append(judge(item, _said(raw.parse())))
            way.cost_usd.append(float(raw.headers["x-tiergate-cost-usd"]))
            way.tiers[raw.headers["x-tiergate-tier"]] += 1
            way.attempts += int(raw.headers["x-tiergate-attempts"])
    return way


def _said(answer: openai.types.chat.ChatCompletion) -> str:
    """The text, or the tool call in the shape in which the model wrote it."""
    message = answer.choices[0].message
    if message.tool_calls:
        call = message.tool_calls[0].function
        told = {"name": call.name, "arguments": json.loads(call.arguments)}
        return f"<tool_call>{json.dumps(told)}</tool_call>"
    return message.content or ""


if __name__ == "__main__":
    main()
