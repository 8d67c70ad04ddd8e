"""Nine models: the one with the best predicted score less a price for its size, for each of 14 tasks' prompts."""

from pathlib import Path

import numpy as np

from benchmarks.routing.figures import Figure, figure, table
from benchmarks.routing.routers import ROUTERS, halves
from classifier.data import Table
from classifier.files import read_rows
from classifier.types import Question

# Billions of parameters: what a request costs, in units of a model of one billion.
SIZES = {
    "llama3-chatqa-1.5-8b": 8.0,
    "qwen2.5-7b-instruct": 7.6,
    "llama3-chatqa-1.5-70b": 70.0,
    "llama-3.1-nemotron-51b-instruct": 51.0,
    "mistral-7b-instruct-v0.3": 7.2,
    "gemma-2-9b-it": 9.2,
    "llama-3.1-8b-instruct": 8.0,
    "codegemma-7b": 8.5,
    "llama-3.3-nemotron-super-49b-v1": 49.0,
}
PRICES = (0.0, 0.001, 0.002, 0.004)  # of a billion parameters, in score


def section(data: Path, seeds: int) -> list[str]:
    """`data`: folder with nine_models_14_tasks.parquet; half of its rows are learned from."""
    labelled = _read(data / "nine_models_14_tasks.parquet")
    sizes = np.array([SIZES[name] for name in labelled.tiers])
    splits = [halves(labelled, len(labelled.questions) // 2, seed) for seed in range(seeds)]
    rows = []
    for name, router in ROUTERS.items():
        rated = [router(train, test, seed) for seed, (train, test) in enumerate(splits)]
        for price in PRICES if name == "Tiergate" else PRICES[:1]:
            chosen = [(quality - price * sizes).argmax(axis=1) for quality in rated]
            rows.append((f"{name}, {price * 100:g} points for 10^9 parameters" if price else name, splits, chosen))
    best = [np.full(len(test.correct), train.correct.mean(axis=0).argmax()) for train, test in splits]
    chance = [np.arange(len(test.correct)) % len(sizes) for _, test in splits]
    oracle = [(test.correct - 1e-6 * sizes).argmax(axis=1) for _, test in splits]
    rows += [("best single model", splits, best), ("random", splits, chance), ("oracle", splits, oracle)]
    told = [(name, str(_score(s, c)), f"{_cost(sizes, c):.1f}") for name, s, c in rows]
    return [
        "## Nine models of 7 to 70 billion parameters, 14 tasks",
        "",
        f"Half of the rows are learned from, half measured on, {seeds} splits. Every request goes to the model with",
        "the best predicted score, less a price for its size.",
        "",
        *table(("router", "mean score", "mean cost, 10^9 parameters"), told),
        "",
    ]


def _read(path: Path) -> Table:
    rows = read_rows(path)
    correct = np.array([[float(row[name]) for name in SIZES] for row in rows])
    return Table(path.name, "", tuple(Question(row["prompt"]) for row in rows), tuple(SIZES), correct.clip(0, 1), None)


def _score(splits: list[tuple[Table, Table]], chosen: list[np.ndarray]) -> Figure:
    def measure(test: Table, sent: np.ndarray):
        got = test.correct[np.arange(len(sent)), sent]
        return len(sent), lambda rows: float(got[rows].mean())

    return figure([measure(test, sent) for (_, test), sent in zip(splits, chosen, strict=True)])


def _cost(sizes: np.ndarray, chosen: list[np.ndarray]) -> float:
    return float(np.mean([sizes[sent].mean() for sent in chosen]))
