"""docs/benchmarks/toy.md: the table and what follows from it."""

import random
from collections import defaultdict
from pathlib import Path
from statistics import fmean, median
from typing import TYPE_CHECKING

from benchmarks.toy.versions import versions

if TYPE_CHECKING:
    from benchmarks.toy.__main__ import Mix, Way
    from tiers.toys.item import Item

_HEAD = """# What routing is worth on the toy family

{n} questions of the test split (never seen in training, nor by the classifier, nor for the thresholds), asked of one
gateway running `configs/embedded.yaml`: real llama.cpp, three toy models, greedy, one after the other, past the cache.
Accuracy is the mean of the corpus's own judge (lists and explanations get the share that is right), with a 95 %
bootstrap interval. Prices are the illustrative ones of the file (USD per million tokens); cost is of all attempts,
thrown-away drafts included. Models, classifier and settings were frozen before this seed was drawn for the first time:
`accept` was chosen on questions of the split `outcomes` that the classifier had not learned from
(`python -m benchmarks.toy.thresholds`). Seeds draw from the same split and may share questions of memorised families.

```
python -m benchmarks.toy --prompts {n} --seed {seed}
```

{versions}
"""
_TABLE = """
## Mix: {title}

{told}

| way | accuracy | 95 % interval | cost of all, USD | of long only | answered by | attempts a request | p50, ms |
|---|---|---|---|---|---|---|---|
"""
_TOLD = {
    "80 / 20": "Application traffic by the field's rule of thumb: 80 % of the answers' length belongs to simple\n"
    "questions (difficulty 1 and 2), 20 % to the others.",
    "as the corpus draws them": "As models are trained and judged on it: most of the length is in sums and\n"
    "explanations that only the largest model can do.",
}


def write(out: Path, mixes: "list[Mix]", prompts: int, seed: int) -> None:
    text = _HEAD.format(n=prompts, seed=seed, versions=versions())
    for mix in mixes:
        long = next(way for way in mix.ways if way.name == "long only")
        text += _TABLE.format(title=mix.title, told=_TOLD[mix.title])
        text += "".join(_row(way, long) for way in mix.ways)
        text += _verdict(mix.ways, long) + _families(mix.ways, mix.items)
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(text)
    print(text)


def _row(way: "Way", long: "Way") -> str:
    low, high = _interval(way.scores)
    total, asked = sum(way.cost_usd), len(way.scores)
    shares = ", ".join(f"{tier} {count / asked:.0%}" for tier, count in way.tiers.most_common())
    return (
        f"| {way.name} | {way.accuracy:.3f} | {low:.3f}-{high:.3f} | {total:.6f} | {total / sum(long.cost_usd):.0%} "
        f"| {shares} | {way.attempts / asked:.2f} | {1000 * median(way.seconds):.0f} |\n"
    )


def _verdict(ways: "list[Way]", long: "Way") -> str:
    both = next(way for way in ways if way.name == "routed + cascade")
    kept, paid = both.accuracy / long.accuracy, sum(both.cost_usd) / sum(long.cost_usd)
    low, high = _kept_interval(both.scores, long.scores)
    spread = f"(95 % interval {low:.1%} to {high:.1%}, the same questions drawn again for both)"
    return f"\nRouted + cascade keeps **{kept:.1%}** {spread} of long-only accuracy at **{paid:.0%}** of its cost.\n"


def _families(ways: "list[Way]", items: "list[Item]") -> str:
    """Accuracy by difficulty, where it shows which questions need which tier."""
    lines = ["\n| difficulty | questions | " + " | ".join(way.name for way in ways) + " |"]
    lines.append("|---|---|" + "---|" * len(ways))
    places = defaultdict(list)
    for place, item in enumerate(items):
        places[item.difficulty].append(place)
    for difficulty, at in sorted(places.items()):
        cells = " | ".join(f"{fmean(way.scores[place] for place in at):.2f}" for way in ways)
        lines.append(f"| {difficulty} | {len(at)} | {cells} |")
    return "\n".join(lines) + "\n"


def _kept_interval(ours: list[float], theirs: list[float], draws: int = 2000) -> tuple[float, float]:
    """Of the ratio of the two means."""
    rng, places = random.Random(0), range(len(ours))
    drawn = (rng.choices(places, k=len(places)) for _ in range(draws))
    shares = sorted(sum(ours[place] for place in one) / sum(theirs[place] for place in one) for one in drawn)
    return shares[int(0.025 * draws)], shares[int(0.975 * draws)]


def _interval(scores: list[float], draws: int = 2000) -> tuple[float, float]:
    rng = random.Random(0)
    means = sorted(fmean(rng.choices(scores, k=len(scores))) for _ in range(draws))
    return means[int(0.025 * draws)], means[int(0.975 * draws)]
