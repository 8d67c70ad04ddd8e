"""The evaluation of an artifact on a labelled table that it was not trained on.

Offline only. Every figure stands beside what the best single tier, chance and an oracle reach on the same rows.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from classifier.artifact import Classifier, load
from classifier.data import Table, labelled_tiers, read_table, table_lengths
from classifier.errors import DataError
from classifier.files import read_rows
from classifier.measure import aiq, apgr, calibration_error, cpt, gap_curve
from classifier.routes import SHARES, Outcomes, Routes, label_outcomes, route_all, route_by_oracle, single_tiers

Doubles = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

RESAMPLES = 200


@dataclass(frozen=True, slots=True)
class Interval:
    """A figure, with the 2.5 % and 97.5 % quantiles of it over rows resampled with replacement."""

    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Pair:
    """Routing between two tiers by predicted difference in quality; None where the dearer is not the better.

    apgr: 0.5 is chance. cpt50, cpt80: share of calls to the dearer that recovers 50 and 80 % of the gap (chance needs
    as much). oracle_apgr: by the true difference.
    """

    cheaper: str
    dearer: str
    apgr: Interval | None
    cpt50: Interval | None
    cpt80: Interval | None
    oracle_apgr: float | None


@dataclass(frozen=True, slots=True)
class Tier:
    """One tier alone: its mean correctness, the cost of a request, and how far predictions are from the truth."""

    name: str
    quality: float
    cost: float
    calibration_error: float


@dataclass(frozen=True, slots=True)
class Point:
    """One setting of `route.quality` and its means: cost, quality, and the share of requests on each tier."""

    setting: float
    cost: float
    quality: float
    mix: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Coverage:
    """Length quantiles against what was generated: share of answers within each, over so many answers."""

    answers: int
    p50: float
    p90: float


@dataclass(frozen=True, slots=True)
class Evaluation:
    """How an artifact does on a table.

    aiq: average quality over all budgets, routed; aiq_random: by mixing single tiers blindly; aiq_oracle: by labels.
    """

    version: str
    data: str
    rows: int
    pairs: tuple[Pair, ...]
    tiers: tuple[Tier, ...]
    best_single: str
    curve: tuple[Point, ...]
    aiq: Interval
    aiq_random: Interval
    aiq_oracle: Interval
    lengths: Coverage | None

    def to_json(self) -> dict[str, Any]:
        """As plain mappings, lists and numbers."""
        return asdict(self)


def evaluate(
    artifact_dir: str | Path,
    data: Path,
    *,
    costs: Mapping[str, float] | None = None,
    seed: int = 0,
    resamples: int = RESAMPLES,
) -> Evaluation:
    """Evaluate an artifact on `data`, on those of its tiers that the table has labels for.

    costs: of one request on each tier, any unit; unless given evenly spaced, 0 for the cheapest to 1.
    Raises ArtifactError and DataError.
    """
    classifier = load(artifact_dir)
    return evaluate_table(classifier, labelled(classifier, data), costs=costs, seed=seed, resamples=resamples)


def labelled(classifier: Classifier, data: Path) -> Table:
    """The table, with the tiers that the classifier knows. Raises DataError where there are fewer than two."""
    names = labelled_tiers(read_rows(data))
    known = [tier for tier in classifier.tiers if tier in names]
    if len(known) < 2:
        raise DataError(
            f"{data}: columns correct.<tier>: found {', '.join(names) or 'none'}; "
            f"this artifact rates {', '.join(classifier.tiers)}, and needs two of them"
        )
    return read_table(data, known)


def evaluate_table(
    classifier: Classifier,
    table: Table,
    *,
    costs: Mapping[str, float] | None = None,
    seed: int = 0,
    resamples: int = RESAMPLES,
) -> Evaluation:
    """`evaluate`, with the table read."""
    outcomes = label_outcomes(classifier, table, costs)
    samples = _samples(len(table.questions), seed, resamples)
    tiers = _tiers(outcomes)
    routed = route_all(outcomes)

    def area(routes: Routes) -> Interval:
        return _area(outcomes, routes, samples)

    return Evaluation(
        version=classifier.version,
        data=table.name,
        rows=len(table.questions),
        pairs=tuple(_pair(outcomes, *places, samples) for places in combinations(range(len(tiers)), 2)),
        tiers=tiers,
        best_single=max(tiers, key=lambda tier: tier.quality).name,
        curve=_curve(outcomes, routed),
        aiq=area(routed),
        aiq_random=area(single_tiers(outcomes)),
        aiq_oracle=area(route_by_oracle(outcomes)),
        lengths=_coverage(classifier, table),
    )


def _samples(rows: int, seed: int, resamples: int) -> Ints:
    """The rows as they are, then each resample: (resamples + 1, rows)."""
    drawn = np.random.default_rng(seed).integers(0, rows, (resamples, rows))
    return np.concatenate((np.arange(rows)[None, :], drawn))


def _interval(figures: Sequence[float]) -> Interval:
    """Of a figure on the rows themselves, then on each resample."""
    low, high = np.quantile(figures, (0.025, 0.975)).tolist()
    return Interval(figures[0], low, high)


def _pair(outcomes: Outcomes, cheaper: int, dearer: int, samples: Ints) -> Pair:
    score = outcomes.quality[:, dearer] - outcomes.quality[:, cheaper]
    low, high = outcomes.correct[:, cheaper], outcomes.correct[:, dearer]
    names = outcomes.tiers[cheaper], outcomes.tiers[dearer]
    oracle = gap_curve(high - low, low, high)
    if oracle is None:
        return Pair(*names, apgr=None, cpt50=None, cpt80=None, oracle_apgr=None)
    resampled = (gap_curve(score[rows], low[rows], high[rows]) for rows in samples)
    curves = [curve for curve in resampled if curve is not None]
    return Pair(
        *names,
        apgr=_interval([apgr(curve) for curve in curves]),
        cpt50=_interval([cpt(curve, 0.5) for curve in curves]),
        cpt80=_interval([cpt(curve, 0.8) for curve in curves]),
        oracle_apgr=apgr(oracle),
    )


def _tiers(outcomes: Outcomes) -> tuple[Tier, ...]:
    return tuple(
        Tier(
            name=name,
            quality=float(outcomes.correct[:, place].mean()),
            cost=float(outcomes.costs[place]),
            calibration_error=calibration_error(outcomes.quality[:, place], outcomes.correct[:, place]),
        )
        for place, name in enumerate(outcomes.tiers)
    )


def _curve(outcomes: Outcomes, routes: Routes) -> tuple[Point, ...]:
    return tuple(
        Point(
            setting=float(setting),
            cost=float(routes.cost[i].mean()),
            quality=float(routes.quality[i].mean()),
            mix={name: float((routes.sent[i] == place).mean()) for place, name in enumerate(outcomes.tiers)},
        )
        for i, setting in enumerate(SHARES)
    )


def _area(outcomes: Outcomes, routes: Routes, samples: Ints) -> Interval:
    cheapest, dearest = float(outcomes.costs.min()), float(outcomes.costs.max())
    count = samples.shape[1]
    areas = []
    for rows in samples:
        weights = np.bincount(rows, minlength=count) / count
        areas.append(aiq(np.stack((routes.cost @ weights, routes.quality @ weights), axis=1), cheapest, dearest))
    return _interval(areas)


def _coverage(classifier: Classifier, table: Table) -> Coverage | None:
    answers = table_lengths(table)
    if answers is None:
        return None
    quantiles = classifier.lengths.quantiles(classifier.inputs.matrix(answers.questions))
    within = (answers.tokens[:, None] <= quantiles).mean(axis=0).tolist()
    return Coverage(len(answers.tokens), *within)
