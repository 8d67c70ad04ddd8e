"""Two tiers: RouteLLM's pair on MMLU, by the share of the quality gap that is recovered (APGR)."""

from pathlib import Path

import numpy as np

from benchmarks.routing.figures import Figure, figure, table
from benchmarks.routing.routers import ROUTERS, halves
from classifier.data import Table, read_table
from classifier.measure import apgr, gap_curve

LABELS = (1500, 500)
AIMS = {1500: 0.64, 500: 0.625}


def section(data: Path, seeds: int) -> list[str]:
    """`data`: folder with mmlu_two_tiers.parquet."""
    labelled = read_table(data / "mmlu_two_tiers.parquet", ("weak", "strong"))
    lines = [
        "## Two tiers: Mixtral-8x7B or GPT-4-1106, MMLU",
        "",
        f"APGR over {seeds} random splits: trained on so many rows, measured on all others. 0.5 is chance; RouteLLM's",
        "paper has 0.603 as its best on this pair.",
        "",
    ]
    for labels in LABELS:
        lines += _one(labelled, labels, seeds)
    return lines


def _one(labelled: Table, labels: int, seeds: int) -> list[str]:
    splits = [halves(labelled, labels, seed) for seed in range(seeds)]
    rows = []
    for name, router in ROUTERS.items():
        rated = [router(train, test, seed) for seed, (train, test) in enumerate(splits)]
        rows.append((name, _apgr(splits, [quality[:, 1] - quality[:, 0] for quality in rated])))
    rows.append(("oracle", _apgr(splits, [test.correct[:, 1] - test.correct[:, 0] for _, test in splits])))
    quality = np.mean([test.correct.mean(axis=0) for _, test in splits], axis=0)
    return [
        f"### {labels:,} labels (aim: {AIMS[labels]})",
        "",
        *table(("router", "APGR", "± over splits"), [(n, str(f), f"{f.over_seeds:.3f}") for n, f in rows]),
        "| random | 0.500 | |",
        "",
        f"Best single tier: strong, {quality[1]:.3f} right (weak {quality[0]:.3f}).",
        "",
    ]


def _apgr(splits: list[tuple[Table, Table]], scores: list[np.ndarray]) -> Figure:
    def measure(test: Table, score: np.ndarray):
        def of(rows: np.ndarray) -> float:
            curve = gap_curve(score[rows].astype(float), test.correct[rows, 0], test.correct[rows, 1])
            return 0.5 if curve is None else apgr(curve)

        return len(score), of

    return figure([measure(test, score) for (_, test), score in zip(splits, scores, strict=True)])
