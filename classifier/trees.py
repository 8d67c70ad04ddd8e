"""A forest of small trees, walked all at once in NumPy: all comparisons, then the leaf that is left in each tree."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]

MOST_LEAVES = 32  # a leaf is a bit
_ONE = np.uint32(1)
_WHOLE = np.float32(1.0)
LEAST, MOST = np.float32(0.005), np.float32(0.995)  # of a chance whose logit is taken


@dataclass(frozen=True)
class Trees:
    """Trees of the same width, with several outcomes in each leaf (QuickScorer, Lucchese et al., SIGIR 2015).

    feature, threshold, lost: (trees, nodes); where an input is over its threshold, the leaves in `lost` cannot be
    reached, the first leaf being the lowest bit. A node that is padding has the greatest threshold there is.
    leaves: (trees, leaves, heads), the chance in each leaf. slopes: (heads,), what the logit of the mean chance is
    multiplied by.
    """

    feature: npt.NDArray[np.int16]
    threshold: Floats
    lost: npt.NDArray[np.uint32]
    leaves: Floats
    slopes: Floats

    def chances(self, row: Floats) -> Floats:
        """The mean over the trees, (heads,), for inputs (width,)."""
        over = row.take(self._feature, mode="clip") > self._threshold  # clip: a third of the time, nothing to clip
        lost = np.bitwise_or.reduce(self._lost * over, axis=0)
        lowest = ~lost & (lost + _ONE)
        places = np.frexp(lowest.astype(np.float64))[1] + self._first
        mean: Floats = np.add.reduce(self._flat.take(places, axis=0), axis=0) * np.float32(1.0 / len(self.feature))
        return mean

    def logits(self, row: Floats) -> Floats:
        """The logit of the mean chance by `slopes`, (heads,)."""
        chances = np.minimum(np.maximum(self.chances(row), LEAST), MOST)
        return self.slopes * np.log(chances / (_WHOLE - chances))

    @cached_property
    def _feature(self) -> npt.NDArray[np.intp]:
        """Nodes first: the reduction then runs along memory. As are the three below."""
        return np.ascontiguousarray(self.feature.T.astype(np.intp))

    @cached_property
    def _threshold(self) -> Floats:
        return np.ascontiguousarray(self.threshold.T)

    @cached_property
    def _lost(self) -> npt.NDArray[np.uint32]:
        return np.ascontiguousarray(self.lost.T)

    @cached_property
    def _flat(self) -> Floats:
        return np.ascontiguousarray(self.leaves.reshape(-1, self.leaves.shape[2]))

    @cached_property
    def _first(self) -> npt.NDArray[np.intp]:
        """Where each tree's leaves begin in `_flat`; less one, as `frexp` counts bits from one."""
        return np.arange(-1, self.leaves.shape[0] * self.leaves.shape[1] - 1, self.leaves.shape[1], dtype=np.intp)
