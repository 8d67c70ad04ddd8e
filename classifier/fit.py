"""The fitting of the heads: outcomes by trees, calibrated, and length quantiles that cover.

Offline only (extra `train`). Everything is cross-fitted by prompt: calibration and coverage are measured on prompts
that the model in question has not seen. The same inputs, labels and seed give the same numbers.
"""

import math
from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from typing import Any, cast

import numpy as np
import numpy.typing as npt

from classifier.errors import DataError
from classifier.features import NAMES
from classifier.fit_trees import fit_trees, held_out_trees
from classifier.head import OutcomeHead
from classifier.inputs import Inputs
from classifier.length import LEVELS, LengthHead

Floats = npt.NDArray[np.float32]
Doubles = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

_MISSING = "training needs scikit-learn: pip install 'tiergate[train]'"
FOLDS = 5
# How freely each part of the inputs is used, the surface features being 1 (measured, see docs/classifier.md).
EMBEDDING_WEIGHT, NEARNESS_WEIGHT = 0.6, 0.3
LOCATION_PENALTY, SPREAD_PENALTY = 300.0, 300.0  # of the length ridges, for each answer to a prompt


@dataclass(frozen=True, slots=True)
class OutcomeFit:
    """An outcome head and how it did on prompts held out: calibrated probabilities (rows, tiers + pairs)."""

    head: OutcomeHead
    held_out: Doubles


def one_thread() -> AbstractContextManager[Any]:
    """Holds linear algebra to one thread: the matrices are small, and sums come out in the same order each time."""
    try:
        from threadpoolctl import threadpool_limits  # type: ignore[import-untyped] # has no stubs
    except ImportError as error:
        raise DataError(_MISSING) from error
    return cast("AbstractContextManager[Any]", threadpool_limits(1))


def folds_by_prompt(prompts: Sequence[str], seed: int) -> Ints:
    """A fold number for each row, the same for equal prompts."""
    order = {prompt: i for i, prompt in enumerate(dict.fromkeys(prompts))}
    fold_of = np.random.default_rng(seed).permutation(len(order)) % FOLDS
    return np.array([fold_of[order[prompt]] for prompt in prompts], dtype=np.int64)


def input_scale(inputs: Inputs) -> Doubles:
    """What each input (width,) is multiplied by in fitting, so that one penalty suits them all."""
    dim = inputs.embedding.dim  # a unit vector's parts are about 1 / sqrt(dim), the other inputs about 1
    return np.concatenate(
        (
            np.ones(len(NAMES)),
            np.full(dim, EMBEDDING_WEIGHT * math.sqrt(dim)),
            np.full(len(inputs.landmarks), NEARNESS_WEIGHT),
        )
    )


def outcome_labels(correct: Doubles) -> Doubles:
    """Labels (rows, tiers + pairs): each tier's correctness, then for each pair how much better the dearer was."""
    cheaper, dearer = np.triu_indices(correct.shape[1], 1)
    gains = np.maximum(correct[:, dearer] - correct[:, cheaper], 0.0)
    return np.concatenate((correct, gains), axis=1)


def fit_outcomes(inputs: Floats, tiers: tuple[str, ...], correct: Doubles, folds: Ints, seed: int = 0) -> OutcomeFit:
    """Fit an outcome head to inputs (rows, width) and correctness (rows, tiers) in [0, 1].

    A forest, calibrated by what forests say of prompts that they have not seen (Platt).
    """
    labels = _away_from_certain(outcome_labels(correct))
    logits = held_out_trees(inputs, labels, folds, seed)
    slopes, offsets = np.array([platt(logit, label) for logit, label in zip(logits.T, labels.T, strict=True)]).T
    head = OutcomeHead(
        tiers=tiers,
        bias=offsets.astype(np.float32),
        trees=replace(fit_trees(inputs, labels, seed), slopes=slopes.astype(np.float32)),
    )
    return OutcomeFit(head, _sigmoid(logits * slopes + offsets))


def fit_lengths(inputs: Floats, scale: Doubles, tokens: Doubles, folds: Ints, prompts: int) -> tuple[LengthHead, float]:
    """Fit a length head to answers of `tokens` (rows,) over so many different prompts.

    Returns it and the share of held-out answers within their P90.
    """
    scaled = inputs.astype(np.float64) * scale
    logs = np.log(tokens)
    per_prompt = len(tokens) / prompts
    location = _Ridge(scaled, logs, folds, LOCATION_PENALTY * per_prompt)
    distance = np.log(np.abs(logs - location.held_out) + 0.1)  # 0.1: an exact hit must not weigh without bound
    spread = _Ridge(scaled, distance, folds, SPREAD_PENALTY * per_prompt)
    steps_taken = (logs - location.held_out) / np.exp(spread.held_out)
    steps = np.array([_conformal(steps_taken, level) for level in LEVELS])
    head = LengthHead(
        weights=(np.stack([location.weights, spread.weights]) * scale).astype(np.float32),
        bias=np.array([location.bias, spread.bias], dtype=np.float32),
        steps=steps.astype(np.float32),
    )
    return head, _cross_coverage(steps_taken, folds)


class _Ridge:
    """A ridge regression, with its predictions for rows held out."""

    def __init__(self, inputs: Doubles, target: Doubles, folds: Ints, penalty: float) -> None:
        self.held_out = np.zeros(len(target))
        for fold in np.unique(folds):
            held = folds == fold
            model = self._fit(inputs[~held], target[~held], penalty)
            self.held_out[held] = model.predict(inputs[held])
        whole = self._fit(inputs, target, penalty)
        self.weights: Doubles = whole.coef_
        self.bias = float(whole.intercept_)

    @staticmethod
    def _fit(inputs: Doubles, target: Doubles, penalty: float) -> Any:
        return _linear_model().Ridge(alpha=penalty).fit(inputs, target)


def logistic(inputs: Doubles, label: Doubles, strength: float) -> tuple[Doubles, float]:
    """Weights and bias for a label in (0, 1): each row counts as a success and a failure, weighted."""
    model = _linear_model().LogisticRegression(C=strength, solver="newton-cholesky", max_iter=100, tol=1e-5)
    model.fit(
        np.concatenate((inputs, inputs)),
        np.repeat([1, 0], len(label)),
        sample_weight=np.concatenate((label, 1.0 - label)),
    )
    weights: Doubles = model.coef_[0]
    return weights, float(model.intercept_[0])


def platt(logits: Doubles, label: Doubles) -> tuple[float, float]:
    """Slope and offset that calibrate held-out logits (Platt 1999); the slope is positive, so order is kept."""
    weights, offset = logistic(logits[:, None], label, 1e6)
    slope = float(weights[0])
    if slope <= 0.0:  # no better than chance on held-out prompts: all but the average is dropped
        slope = 1e-3
        offset = _logit(float(label.mean())) - slope * float(logits.mean())
    return slope, offset


def _conformal(steps: Doubles, level: float) -> float:
    """The step that a share `level` of new answers will not pass: the (n + 1)-quantile of the held-out ones."""
    rank = min(math.ceil(level * (len(steps) + 1)), len(steps)) - 1
    return float(np.sort(steps)[rank])


def _cross_coverage(steps: Doubles, folds: Ints) -> float:
    """The share within P90 when each fold's step is taken from the other folds."""
    within = [
        steps[folds == fold] <= _conformal(steps[folds != fold], LEVELS[1])
        for fold in np.unique(folds)
        if (folds != fold).any()
    ]
    return float(np.concatenate(within).mean())


def _away_from_certain(labels: Doubles) -> Doubles:
    """Labels as if one more row had been half right: a tier that never failed here may yet fail."""
    rows = len(labels)
    return (labels * rows + 0.5) / (rows + 1)


def _sigmoid(logits: Doubles) -> Doubles:
    return 0.5 * np.tanh(0.5 * logits) + 0.5


def _logit(share: float) -> float:
    return math.log(share / (1.0 - share))


def _linear_model() -> Any:
    try:
        from sklearn import linear_model
    except ImportError as error:
        raise DataError(_MISSING) from error
    return linear_model
