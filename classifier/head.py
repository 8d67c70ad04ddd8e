"""The outcome head: how likely each tier is to answer well, and how much each dearer one gains."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]
Ints = npt.NDArray[np.int64]


def tier_pairs(tiers: Sequence[str]) -> tuple[tuple[str, str], ...]:
    """(cheaper, dearer) for every two of `tiers`, which stand cheapest first."""
    return tuple(combinations(tiers, 2))


@dataclass(frozen=True)
class OutcomeHead:
    """Logistic models, calibrated (Platt's scaling is folded into the weights).

    tiers: cheapest first. weights: (tiers + pairs, width), bias: (tiers + pairs,); rows are the tiers in their
    order, then the pairs in the order of `tier_pairs`.
    """

    tiers: tuple[str, ...]
    weights: Floats
    bias: Floats

    def outcomes(self, inputs: Floats) -> tuple[Floats, Floats]:
        """Quality (n, tiers) and gain (n, pairs) in [0, 1] of inputs (n, width).

        For every pair there is a joint distribution with these three probabilities: the gain is held between
        max(0, q_dearer - q_cheaper) and min(q_dearer, 1 - q_cheaper) (Frechet's bounds).
        """
        # The sigmoid by tanh: no overflow at any logit.
        chances = 0.5 * np.tanh(0.5 * (inputs @ self.weights.T + self.bias)) + 0.5
        quality, gain = chances[:, : len(self.tiers)], chances[:, len(self.tiers) :]
        cheaper, dearer = quality.take(self._cheaper, axis=1), quality.take(self._dearer, axis=1)
        gain = np.maximum(gain, np.maximum(dearer - cheaper, 0.0))
        return quality, np.minimum(gain, np.minimum(dearer, 1.0 - cheaper))

    @cached_property
    def _cheaper(self) -> Ints:
        return np.triu_indices(len(self.tiers), 1)[0]

    @cached_property
    def _dearer(self) -> Ints:
        return np.triu_indices(len(self.tiers), 1)[1]
