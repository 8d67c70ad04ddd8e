"""The agreement cascade: two cheap answers; where they agree one is kept, else a dearer tier answers."""

from pathlib import Path

import numpy as np

from benchmarks.routing.figures import Figure, figure, table
from benchmarks.routing.routers import halves, tiergate
from classifier.agreement import agreement
from classifier.data import Table, read_table
from classifier.files import read_rows

DEARER = ("short", "long")


def section(data: Path, seeds: int) -> list[str]:
    """`data`: folder with mmlu_pro_three_tiers.parquet, which has the letters that edge and edge_b answered."""
    path = data / "mmlu_pro_three_tiers.parquet"
    answers = [(row["answer.edge"] or "", row["answer.edge_b"] or "") for row in read_rows(path)]
    agrees = np.array([agreement(first, second).agrees for first, second in answers])
    rows = []
    for dearer in DEARER:
        labelled = _with_agreement(read_table(path, ("edge", dearer)), agrees)
        splits = [halves(labelled, len(labelled.questions) // 2, seed) for seed in range(seeds)]
        rows += _rows(dearer, splits)
    return [
        "## Agreement cascade: Llama-3.1-8B and Phi-3-mini, else a dearer tier, MMLU-Pro",
        "",
        "Right answers where both cheap models answer and a dearer one is asked only if they differ, beside the",
        "pre-router (Tiergate's, learned from the other half) at the same share of dear calls.",
        "",
        *table(
            ("dearer", "share of dear calls", "cascade", "pre-router", "above it", "random", "always dear", "oracle"),
            rows,
        ),
        "",
    ]


def _with_agreement(labelled: Table, agrees: np.ndarray) -> Table:
    """The agreement rides along with the rows as a third column of lengths, which rating does not read."""
    return Table(
        labelled.name,
        labelled.sha256,
        labelled.questions,
        labelled.tiers,
        labelled.correct,
        agrees[:, None].astype(float),
    )


def _rows(dearer: str, splits: list[tuple[Table, Table]]) -> list[tuple[str, ...]]:
    cascade, routed, chance, oracle, share, dear = [], [], [], [], [], []
    for seed, (train, test) in enumerate(splits):
        quality = tiergate(train, test, seed)
        agrees = test.output_tokens[:, 0] > 0.5
        calls = int((~agrees).sum())
        share.append(calls / len(agrees))
        cheap, right = test.correct.T
        dear.append(right.mean())
        cascade.append(np.where(agrees, cheap, right))
        routed.append(_by(quality[:, 1] - quality[:, 0], calls, cheap, right))
        oracle.append(_by(right - cheap, calls, cheap, right))
        chance.append(cheap + share[-1] * (right - cheap))
    above = [c - r for c, r in zip(cascade, routed, strict=True)]
    figures = (str(_mean(part)) for part in (cascade, routed, above, chance))
    return [(dearer, f"{np.mean(share):.1%}", *figures, f"{np.mean(dear):.3f}", str(_mean(oracle)))]


def _by(score: np.ndarray, calls: int, cheap: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Outcomes where the rows of highest score go to the dearer tier, so many."""
    sent = np.zeros(len(score), dtype=bool)
    sent[np.argsort(-score, kind="stable")[:calls]] = True
    return np.where(sent, right, cheap)


def _mean(outcomes: list[np.ndarray]) -> Figure:
    return figure([(len(got), lambda rows, got=got: float(got[rows].mean())) for got in outcomes])
