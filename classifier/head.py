"""The learned outcome head: the probability that each tier answers well, and the gain of each dearer over each cheaper."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]


def tier_pairs(tiers: Sequence[str]) -> tuple[tuple[str, str], ...]:
    """(cheaper, dearer) for every two of `tiers`, which stand cheapest first."""
    return tuple(combinations(tiers, 2))


@dataclass(frozen=True, slots=True)
class OutcomeHead:
    """Logistic models, calibrated (Platt's scaling is folded into the weights).

    tiers: cheapest first. weights: (tiers + pairs, width), bias: (tiers + pairs,); rows are the tiers in their order,
    then the pairs in the order of `tier_pairs`.
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
        quality = chances[:, : len(self.tiers)]
        cheaper, dearer = (quality[:, columns] for columns in self._pair_columns())
        lowest = np.maximum(dearer - cheaper, 0.0)
        highest = np.minimum(dearer, 1.0 - cheaper)
        gain = np.minimum(np.maximum(chances[:, len(self.tiers) :], lowest), highest)
        return quality, gain

    def _pair_columns(self) -> tuple[list[int], list[int]]:
        pairs = list(combinations(range(len(self.tiers)), 2))
        return [cheaper for cheaper, _ in pairs], [dearer for _, dearer in pairs]
