"""Three tiers: average quality over all budgets (AIQ), and how far the predicted qualities are from the truth."""

from collections.abc import Callable
from pathlib import Path

import numpy as np

from benchmarks.routing.figures import Figure, figure, table
from benchmarks.routing.routers import ROUTERS, halves
from classifier.data import read_table
from classifier.measure import aiq, calibration_error
from classifier.routes import Outcomes, Routes, even_costs, route_all, route_by_oracle, single_tiers

TIERS = ("edge", "short", "long")


def section(data: Path, seeds: int) -> list[str]:
    """`data`: folder with mmlu_pro_three_tiers.parquet; half of its rows are learned from."""
    labelled = read_table(data / "mmlu_pro_three_tiers.parquet", TIERS)
    splits = [halves(labelled, len(labelled.questions) // 2, seed) for seed in range(seeds)]
    areas: list[tuple[str, Figure, Figure | None]] = []
    errors: list[tuple[str, ...]] = []
    for name, router in ROUTERS.items():
        rated = [_outcomes(test.correct, router(train, test, seed)) for seed, (train, test) in enumerate(splits)]
        areas.append((name, _area(rated, route_all), _area(rated, route_all, less=single_tiers)))
        error = np.mean(
            [[calibration_error(q, c) for q, c in zip(o.quality.T, o.correct.T, strict=True)] for o in rated], 0
        )
        errors.append((name, *(f"{one:.3f}" for one in error)))
    areas.append(("single tiers mixed at random", _area(rated, single_tiers), None))
    areas.append(("best single tier affordable", _area(rated, single_tiers, steps=True), None))
    areas.append(("oracle", _area(rated, route_by_oracle), _area(rated, route_by_oracle, less=single_tiers)))
    alone = np.mean([test.correct.mean(axis=0) for _, test in splits], axis=0)
    return [
        "## Three tiers: Llama-3.1-8B, Llama-3.1-70B, gpt-4o, MMLU-Pro",
        "",
        f"Half of the rows are learned from, half measured on, {seeds} splits; costs 0, 0.5 and 1. AIQ is the mean",
        "quality over all budgets; the last column is the difference to single tiers mixed at random on the same rows.",
        "",
        *table(("router", "AIQ", "above random"), [(n, str(a), "" if d is None else str(d)) for n, a, d in areas]),
        "",
        "Alone: " + ", ".join(f"{tier} {quality:.3f}" for tier, quality in zip(TIERS, alone, strict=True)) + ".",
        "",
        "Expected calibration error of predicted quality, ten bins (aim: under 0.03):",
        "",
        *table(("router", *TIERS), errors),
        "",
    ]


def _outcomes(correct: np.ndarray, quality: np.ndarray) -> Outcomes:
    return Outcomes(TIERS, correct, quality.astype(float), np.array(list(even_costs(TIERS).values())))


def _area(
    found: list[Outcomes],
    route: Callable[[Outcomes], Routes],
    less: Callable[[Outcomes], Routes] | None = None,
    *,
    steps: bool = False,
) -> Figure:
    """AIQ of a way to route, less that of another where one is given; steps: without mixing of neighbours."""

    def measure(outcomes: Outcomes):
        routes = [route(outcomes), *([] if less is None else [less(outcomes)])]

        def of(rows: np.ndarray) -> float:
            areas = [_points_area(one, rows, steps=steps) for one in routes]
            return areas[0] - sum(areas[1:])

        return len(outcomes.correct), of

    return figure([measure(outcomes) for outcomes in found])


def _points_area(routes: Routes, rows: np.ndarray, *, steps: bool) -> float:
    weights = np.bincount(rows, minlength=routes.cost.shape[1]) / len(rows)
    points = np.stack((routes.cost @ weights, routes.quality @ weights), axis=1)
    if not steps:
        return aiq(points, 0.0, 1.0)
    budgets = np.linspace(0.0, 1.0, 401)
    return float(np.mean([points[points[:, 0] <= budget + 1e-9, 1].max() for budget in budgets]))
