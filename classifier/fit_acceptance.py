"""The fitting of acceptance: from drafts whose outcome is known to calibrated chances.

Offline only (extra `train`). The predicted qualities must be cross-fitted: of prompts that the model in question has
not seen. The same rows give the same numbers.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path

import numpy as np
import numpy.typing as npt

from classifier.acceptance import EVIDENCE, KNOTS, Acceptance, assembled, evidence, products
from classifier.errors import DataError
from classifier.files import read_rows
from classifier.fit import logistic

Doubles = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Logprobs = Sequence[float]

STRENGTH = 0.1  # inverse penalty; measured on the toys' outcomes, flat from 0.03 to 0.3
BEGINNINGS = (4, 8, 16, 32, 64)  # tokens of the drafts just begun that are learned from
FEWEST = 200  # drafts of a tier to learn from


@dataclass(frozen=True, slots=True)
class Drafts:
    """Drafts whose outcome is known, a row for each prompt.

    tiers: cheapest first. logprobs: by tier, one list for each row; without the dearest tier's, which never drafts.
    correct: (rows, tiers) in [0, 1]. quality: (rows, tiers), predicted, cross-fitted. output_p50: (rows,), predicted.
    folds: (rows,), the same for equal prompts.
    """

    tiers: tuple[str, ...]
    logprobs: tuple[tuple[Logprobs, ...], ...]
    correct: Doubles
    quality: Doubles
    output_p50: Doubles
    folds: Ints


@dataclass(frozen=True, slots=True)
class _Labelled:
    """Rows of one pair at one stage. labels: (rows, 2), right and gain."""

    evidence: Doubles
    labels: Doubles
    folds: Ints


def read_logprobs(path: Path, tiers: Sequence[str]) -> tuple[tuple[Logprobs, ...], ...] | None:
    """The columns `logprobs.<tier>` of all tiers but the dearest; None where a file has none for one of them.

    Raises DataError where a cell is no list of numbers up to 0.
    """
    rows = read_rows(path)
    columns = [f"logprobs.{tier}" for tier in tiers[:-1]]
    if not all(any(row.get(column) for row in rows) for column in columns):
        return None
    return tuple(
        tuple(_cell(path, number, column, row.get(column)) for number, row in enumerate(rows, 1)) for column in columns
    )


def _cell(path: Path, number: int, column: str, value: object) -> Logprobs:
    if value is None:
        return ()
    if not isinstance(value, list) or not all(isinstance(x, int | float) and math.isfinite(x) for x in value):
        raise DataError(f"{path}: row {number}: {column}: found {value!r:.60}, allowed a list of log-probabilities")
    return value


def fit_acceptance(drafts: Drafts) -> Acceptance | None:
    """Learn from the drafts; None where a tier has too few."""
    if any(sum(bool(one) for one in column) < FEWEST for column in drafts.logprobs):
        return None
    pairs = list(combinations(range(len(drafts.tiers)), 2))
    arrays: dict[str, list[list[Doubles]]] = {name: [] for name in ("mean", "per_deviation", "weights", "curves")}
    for cheaper, dearer in pairs:
        fitted = [_fit(_begun(drafts, cheaper, dearer)), _fit(_whole(drafts, cheaper, dearer))]
        for name, parts in zip(arrays, zip(*fitted, strict=True), strict=True):
            arrays[name].append(list(parts))
    stacked = {name: np.array(parts) for name, parts in arrays.items()}
    curves = stacked.pop("curves")
    return assembled(
        drafts.tiers,
        stacked
        | {"scores": curves[..., 0, :], "chances": curves[..., 1, :]}
        | {"typical_tokens": np.array(np.median(drafts.output_p50))},
    )


def _whole(drafts: Drafts, cheaper: int, dearer: int) -> _Labelled:
    lengths = [len(logprobs) for logprobs in drafts.logprobs[cheaper]]
    return _rows(drafts, cheaper, dearer, [(row, length) for row, length in enumerate(lengths) if length])


def _begun(drafts: Drafts, cheaper: int, dearer: int) -> _Labelled:
    """Every draft cut after so many tokens; the shorter ones would have been whole by then."""
    lengths = [len(logprobs) for logprobs in drafts.logprobs[cheaper]]
    cuts = [(row, cut) for cut in BEGINNINGS for row, length in enumerate(lengths) if length > cut]
    return _rows(drafts, cheaper, dearer, cuts or [(row, length) for row, length in enumerate(lengths) if length])


def _rows(drafts: Drafts, cheaper: int, dearer: int, cuts: Sequence[tuple[int, int]]) -> _Labelled:
    quality, p50, logprobs = drafts.quality, drafts.output_p50, drafts.logprobs[cheaper]
    places = np.array([row for row, _ in cuts])
    right = drafts.correct[places, cheaper]
    gain = np.maximum(drafts.correct[places, dearer] - right, 0.0)
    found = [evidence(logprobs[row][:cut], quality[row, cheaper], quality[row, dearer], p50[row]) for row, cut in cuts]
    return _Labelled(np.array(found), np.stack((right, gain), axis=1), drafts.folds[places])


def _fit(rows: _Labelled) -> tuple[Doubles, Doubles, Doubles, Doubles]:
    """Mean, 1 / deviation, weights (2, WIDTH) and calibration curves (2, 2, KNOTS)."""
    mean, deviation = rows.evidence.mean(axis=0), rows.evidence.std(axis=0)
    per_deviation = np.where(deviation > 1e-9, 1.0 / np.maximum(deviation, 1e-9), 0.0).reshape(EVIDENCE)
    inputs = products((rows.evidence - mean) * per_deviation)
    weights, curves = zip(*(_calibrated(inputs, label, rows.folds) for label in rows.labels.T), strict=True)
    return mean, per_deviation, np.array(weights), np.array(curves)


def _calibrated(inputs: Doubles, label: Doubles, folds: Ints) -> tuple[Doubles, Doubles]:
    held_out = np.zeros(len(label))
    for fold in np.unique(folds):
        held = folds == fold
        held_out[held] = inputs[held] @ _weights(inputs[~held], label[~held])
    return _weights(inputs, label), _curve(held_out, label)


def _weights(inputs: Doubles, label: Doubles) -> Doubles:
    weights, bias = logistic(inputs[:, 1:], np.clip(label, 1e-3, 1.0 - 1e-3), STRENGTH)
    return np.concatenate(([bias], weights))


def _curve(scores: Doubles, label: Doubles) -> Doubles:
    """(2, KNOTS): scores, and the share of labels there, by isotonic regression; neither ever falls."""
    from sklearn.isotonic import IsotonicRegression

    # As if one more draft at either end had gone the other way: no chance is certain.
    around = np.concatenate((scores, [scores.min(), scores.max()]))
    regression = IsotonicRegression(y_min=0.0, y_max=1.0).fit(around, np.concatenate((label, [1.0, 0.0])))
    points = np.quantile(scores, np.linspace(0.0, 1.0, KNOTS))
    return np.stack((points, regression.predict(points)))
