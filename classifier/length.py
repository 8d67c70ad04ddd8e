"""The output-length head: how many tokens the answer will have, as a median and a 90th percentile."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]

LEVELS = (0.5, 0.9)
SPREAD = (0.1, 2.5)  # bounds of the predicted spread, in natural log of tokens
MOST_TOKENS = 131_072.0


@dataclass(frozen=True, slots=True)
class LengthHead:
    """Location and spread of log tokens, linear in the inputs; quantiles made to cover by conformal adjustment.

    weights: (2, width) and bias: (2,), of the log-median and of the log-spread; steps: (2,), how many spreads above
    the location the quantiles of `LEVELS` lie on held-out prompts (Lei et al. 2018, locally weighted conformal).
    """

    weights: Floats
    bias: Floats
    steps: Floats

    def quantiles(self, inputs: Floats) -> Floats:
        """P50 and P90 in tokens, shape (n, 2), for inputs (n, width); at least 1 and in order."""
        location, log_spread = (inputs @ self.weights.T + self.bias).T
        spread = np.exp(log_spread.clip(*np.log(SPREAD)))
        tokens = np.exp((location[:, None] + spread[:, None] * self.steps).clip(0.0, np.log(MOST_TOKENS)))
        return tokens.astype(np.float32)
