"""The vector that every head reads: standardised surface features, then the embedding."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from classifier.embed import StaticEmbedding
from classifier.features import NAMES, surface
from classifier.types import Question

Floats = npt.NDArray[np.float32]

CLIP = 4.0  # standard deviations: an odd request is far from the training data, not infinitely far


@dataclass(frozen=True, slots=True)
class Inputs:
    """Makes the inputs of the heads.

    mean, per_deviation: (features,), of the training prompts; per_deviation is 0 for a feature that never varied.
    """

    embedding: StaticEmbedding
    mean: Floats
    per_deviation: Floats

    @property
    def width(self) -> int:
        return len(NAMES) + self.embedding.dim

    def row(self, question: Question) -> Floats:
        """Shape (width,)."""
        standard = np.minimum(np.maximum((surface(question) - self.mean) * self.per_deviation, -CLIP), CLIP)
        return np.concatenate((standard, self.embedding.vector(question.text)))

    def matrix(self, questions: Sequence[Question]) -> Floats:
        """Shape (len(questions), width)."""
        if not questions:
            return np.zeros((0, self.width), dtype=np.float32)
        return np.stack([self.row(question) for question in questions])


def fit_inputs(embedding: StaticEmbedding, questions: Sequence[Question]) -> Inputs:
    """Inputs standardised to `questions`."""
    features = np.stack([surface(question) for question in questions]).astype(np.float64)
    deviation = features.std(axis=0)
    constant = deviation < 1e-6
    per_deviation = np.where(constant, 0.0, 1.0 / np.where(constant, 1.0, deviation))
    return Inputs(embedding, features.mean(axis=0).astype(np.float32), per_deviation.astype(np.float32))
