"""The vector that every head reads: surface features, the embedding, and nearness to landmarks."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from classifier.embed import Embedding
from classifier.features import NAMES, surface
from classifier.reading import reading
from classifier.types import Question

Floats = npt.NDArray[np.float32]

CLIP = 4.0  # standard deviations: an odd request is far from the training data, not infinitely far
SHARPNESS = np.float32(4.0)  # of nearness: exp(SHARPNESS * (cosine - 1))


@dataclass(frozen=True, slots=True)
class Standard:
    """Means and inverse deviations over the training prompts, (columns,); the inverse of a constant column is 0."""

    mean: Floats
    per_deviation: Floats

    def apply(self, values: Floats) -> Floats:
        """Values of these columns in deviations from the mean."""
        return (values - self.mean) * self.per_deviation


@dataclass(frozen=True, slots=True)
class Inputs:
    """Makes the inputs of the heads.

    landmarks: (landmarks, dim), centres of groups of training prompts; nearness to them lets linear heads bend.
    """

    embedding: Embedding
    features: Standard
    landmarks: Floats
    nearness: Standard

    @property
    def width(self) -> int:
        return len(NAMES) + self.embedding.dim + len(self.landmarks)

    def row(self, question: Question) -> Floats:
        """Shape (width,)."""
        read = replace(question, text=reading(question))
        return self._row(read, self.embedding.vector(read.text))

    def matrix(self, questions: Sequence[Question]) -> Floats:
        """Shape (len(questions), width)."""
        if not questions:
            return np.zeros((0, self.width), dtype=np.float32)
        read = [replace(question, text=reading(question)) for question in questions]
        vectors = self.embedding.embed([question.text for question in read])
        return np.stack([self._row(question, vector) for question, vector in zip(read, vectors, strict=True)])

    def _row(self, read: Question, vector: Floats) -> Floats:
        features = self.features.apply(surface(read))
        near = self.nearness.apply(near_landmarks(self.landmarks, vector))
        return np.concatenate((np.minimum(np.maximum(features, -CLIP), CLIP), vector, near))


def near_landmarks(landmarks: Floats, vector: Floats) -> Floats:
    """Nearness of a unit vector (dim,), or of several (dim, n), to each landmark: 1 on it, falling with the cosine."""
    nearness: Floats = np.exp(SHARPNESS * (landmarks @ vector - np.float32(1.0)))
    return nearness
