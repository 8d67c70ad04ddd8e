"""The calibration of a route: the setting of `route.quality` that meets a target, on labelled data.

Offline only. The setting is a share: a tier is good enough when its predicted quality is at least so much of the best
tier's. Choose it on rows that the artifact was not trained on.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from classifier.artifact import load
from classifier.errors import DataError
from classifier.evaluate import labelled
from classifier.routes import SHARES, Outcomes, Routes, label_outcomes, route_all

Doubles = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Setting:
    """One setting of `route.quality` and what comes of it on the rows.

    spend: share of what sending everything to the dearest tier costs. quality: share of the best single tier's mean
    correctness; quality_low: its lower 95 % confidence bound. escalation: share of requests not on the cheapest tier.
    """

    route_quality: float
    spend: float
    quality: float
    quality_low: float
    escalation: float
    mix: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Calibration:
    """The setting chosen, and all that were looked at, the cheapest first."""

    chosen: Setting
    settings: tuple[Setting, ...]
    version: str
    rows: int


def calibrate(
    artifact_dir: str | Path,
    data: Path,
    *,
    spend: float | None = None,
    quality: float | None = None,
    escalation: float | None = None,
    costs: Mapping[str, float] | None = None,
) -> Calibration:
    """The best quality within `spend` or `escalation`, or the least spend that keeps `quality`: one of the three.

    All are shares, 0 to 1, as in `Setting`; `quality` must be met by the lower confidence bound. costs: of one request
    on each tier; unless given evenly spaced, 0 for the cheapest. Raises ArtifactError and DataError, the latter also
    where no setting meets the target.
    """
    targets = {"spend": spend, "quality": quality, "escalation": escalation}
    given = [(name, target) for name, target in targets.items() if target is not None]
    if len(given) != 1 or not 0.0 <= given[0][1] <= 1.0:
        raise DataError("calibrate: give one of spend, quality and escalation, as a share from 0 to 1")
    classifier = load(artifact_dir)
    table = labelled(classifier, data)
    outcomes = label_outcomes(classifier, table, costs)
    settings = _settings(outcomes, route_all(outcomes))
    return Calibration(_choose(settings, *given[0]), settings, classifier.version, len(table.questions))


def _settings(outcomes: Outcomes, routes: Routes) -> tuple[Setting, ...]:
    dearest = float(outcomes.costs.max())
    best = outcomes.correct[:, outcomes.correct.mean(axis=0).argmax()]
    cheapest = int(outcomes.costs.argmin())
    settings = []
    for i, share in enumerate(SHARES):
        kept, low = _kept(routes.quality[i], best)
        settings.append(
            Setting(
                route_quality=float(share),
                spend=float(routes.cost[i].mean()) / dearest if dearest > 0 else 0.0,
                quality=kept,
                quality_low=low,
                escalation=float((routes.sent[i] != cheapest).mean()),
                mix={name: float((routes.sent[i] == n).mean()) for n, name in enumerate(outcomes.tiers)},
            )
        )
    return tuple(settings)


def _kept(routed: Doubles, best: Doubles) -> tuple[float, float]:
    """The share of the best tier's quality that is kept, and its lower bound: normal, of the paired difference."""
    level = float(best.mean())
    if level <= 0.0:
        return 1.0, 1.0
    lost = best - routed
    error = float(lost.std()) / max(len(lost), 1) ** 0.5
    return 1.0 - float(lost.mean()) / level, 1.0 - (float(lost.mean()) + 1.645 * error) / level


def _choose(settings: tuple[Setting, ...], name: str, target: float) -> Setting:
    if name == "quality":
        meeting = [setting for setting in settings if setting.quality_low >= target]
        chosen = min(meeting, key=lambda setting: (setting.spend, setting.route_quality), default=None)
    else:
        meeting = [setting for setting in settings if getattr(setting, name) <= target]
        chosen = max(meeting, key=lambda setting: (setting.quality, -setting.spend), default=None)
    if chosen is None:
        raise DataError(f"calibrate: no setting of route.quality meets {name} {target:g} on these rows")
    return chosen
