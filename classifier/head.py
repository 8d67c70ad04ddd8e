"""The outcome head: how likely each tier is to answer well, and how much each dearer one gains."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations

import numpy as np
import numpy.typing as npt

from classifier.trees import Trees

Floats = npt.NDArray[np.float32]
Doubles = npt.NDArray[np.float64]


def tier_pairs(tiers: Sequence[str]) -> tuple[tuple[str, str], ...]:
    """(cheaper, dearer) for every two of `tiers`, which stand cheapest first."""
    return tuple(combinations(tiers, 2))


@dataclass(frozen=True)
class OutcomeHead:
    """A forest, or logistic lines, or their sum; what calibrates them is folded into slopes, weights and bias.

    tiers: cheapest first. bias: (tiers + pairs,), the tiers in their order, then the pairs in the order of
    `tier_pairs`; so are the heads of `trees` and the rows of `weights` (tiers + pairs, width).
    """

    tiers: tuple[str, ...]
    bias: Floats
    trees: Trees | None = None
    weights: Floats | None = None

    def outcome(self, row: Floats) -> tuple[list[float], list[float]]:
        """Quality of each tier and gain of each pair, in [0, 1], for inputs (width,).

        For every pair there is a joint distribution with these three probabilities: the gain is held between
        max(0, q_dearer - q_cheaper) and min(q_dearer, 1 - q_cheaper) (Frechet's bounds).
        """
        logits = self.bias
        if self.trees is not None:
            logits = logits + self.trees.logits(row)
        if self.weights is not None:
            logits = logits + self.weights @ row
        # Plain floats from here: for so few numbers they take a fifth of the time of array operations.
        chances = [_sigmoid(logit) for logit in logits.tolist()]
        quality = chances[: len(self.tiers)]
        gain = [
            _held(chance, quality[cheaper], quality[dearer])
            for chance, (cheaper, dearer) in zip(chances[len(self.tiers) :], self._places, strict=True)
        ]
        return quality, gain

    def outcomes(self, inputs: Floats) -> tuple[Doubles, Doubles]:
        """`outcome` of inputs (n, width): quality (n, tiers) and gain (n, pairs)."""
        found = [self.outcome(row) for row in inputs]
        quality = np.array([quality for quality, _ in found]).reshape(-1, len(self.tiers))
        return quality, np.array([gain for _, gain in found]).reshape(-1, len(self._places))

    @cached_property
    def pairs(self) -> tuple[tuple[str, str], ...]:
        """(cheaper, dearer), in the order of the gains."""
        return tier_pairs(self.tiers)

    @cached_property
    def _places(self) -> tuple[tuple[int, int], ...]:
        return tuple(combinations(range(len(self.tiers)), 2))


def _sigmoid(logit: float) -> float:
    return 0.5 * math.tanh(0.5 * logit) + 0.5  # by tanh: no overflow at any logit


def _held(gain: float, cheaper: float, dearer: float) -> float:
    """`gain` within what the two qualities allow."""
    return min(max(gain, dearer - cheaper, 0.0), dearer, 1.0 - cheaper)
