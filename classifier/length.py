"""The output-length head: how many tokens the answer will have, as a median and a 90th percentile."""

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]
Doubles = npt.NDArray[np.float64]

LEVELS = (0.5, 0.9)
_LEAST_SPREAD, _MOST_SPREAD = -2.3, 0.9  # ln of the spread, itself in ln tokens: 0.1 to 2.5
_MOST = 11.8  # ln of 131,072 tokens


@dataclass(frozen=True, slots=True)
class LengthHead:
    """Location and spread of ln tokens, linear in the inputs; its quantiles cover by conformal adjustment.

    weights: (2, width) and bias: (2,), of the location and of ln of the spread; steps: (2,), how many spreads
    above the location the quantiles of `LEVELS` lie on held-out prompts (locally weighted conformal prediction,
    Lei et al. 2018).
    """

    weights: Floats
    bias: Floats
    steps: Floats

    def length(self, row: Floats) -> tuple[float, float]:
        """P50 and P90 in tokens for inputs (width,); at least 1 and in order."""
        location, log_spread = (self.weights @ row + self.bias).tolist()
        spread = math.exp(min(max(log_spread, _LEAST_SPREAD), _MOST_SPREAD))
        p50, p90 = (math.exp(min(max(location + spread * step, 0.0), _MOST)) for step in self.steps.tolist())
        return p50, p90

    def quantiles(self, inputs: Floats) -> Doubles:
        """`length` of inputs (n, width): shape (n, 2)."""
        return np.array([self.length(row) for row in inputs]).reshape(-1, 2)
