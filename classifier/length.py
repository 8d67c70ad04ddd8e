"""The output-length head: how many tokens the answer will have, as a median and a 90th percentile."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]

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

    def quantiles(self, inputs: Floats) -> Floats:
        """P50 and P90 in tokens, shape (n, 2), for inputs (n, width); at least 1 and in order."""
        lines = inputs @ self.weights.T + self.bias
        location, log_spread = lines[:, :1], lines[:, 1:]
        spread = np.exp(np.minimum(np.maximum(log_spread, _LEAST_SPREAD), _MOST_SPREAD))
        logs = np.minimum(np.maximum(location + spread * self.steps, 0.0), _MOST)
        return np.asarray(np.exp(logs), dtype=np.float32)
