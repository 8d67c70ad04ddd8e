"""How sure a model was of its own answer, from the log-probabilities of the tokens it sampled."""

import math
from collections.abc import Sequence

_LEVEL = 0.05


def confidence(logprobs: Sequence[float]) -> float | None:
    """exp of the 5 % quantile of the tokens' log-probabilities: in [0, 1], None without tokens.

    A low quantile sees the few tokens at which an answer was a guess; a sum punishes length and a mean drowns them
    (Gupta et al., "Language Model Cascades: Token-level uncertainty and beyond", 2024).
    """
    if not logprobs:
        return None
    return math.exp(min(0.0, quantile(sorted(logprobs), _LEVEL)))


def quantile(ordered: Sequence[float], level: float) -> float:
    """Linear between order statistics, as NumPy's default.

    Written out because the lists are short and this runs in the request's path.
    """
    place = level * (len(ordered) - 1)
    low = int(place)
    high = min(low + 1, len(ordered) - 1)
    return ordered[low] + (ordered[high] - ordered[low]) * (place - low)
