"""The fitting of the inputs: what is usual among the training prompts, and the landmarks among them.

Offline only (extra `train`).
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from classifier.embed import Embedding
from classifier.errors import DataError
from classifier.features import surface
from classifier.inputs import Inputs, Standard, near_landmarks
from classifier.reading import reading
from classifier.types import Question

Floats = npt.NDArray[np.float32]

MOST_LANDMARKS = 128
PROMPTS_PER_LANDMARK = 10  # so that no landmark is the embedding of one prompt


def fit_inputs(embedding: Embedding, questions: Sequence[Question], seed: int) -> Inputs:
    """Inputs made for prompts like `questions`; equal prompts count once. Raises DataError without the extra."""
    distinct = [replace(question, text=reading(question)) for question in dict.fromkeys(questions)]
    vectors = embedding.embed([question.text for question in distinct])
    landmarks = _landmarks(vectors, seed)
    return Inputs(
        embedding=embedding,
        features=_standard(np.stack([surface(question) for question in distinct])),
        landmarks=landmarks,
        nearness=_standard(near_landmarks(landmarks, vectors.T).T),
    )


def _landmarks(vectors: Floats, seed: int) -> Floats:
    """Centres of up to MOST_LANDMARKS groups of vectors (n, dim)."""
    try:
        from sklearn.cluster import KMeans
    except ImportError as error:
        raise DataError("training needs scikit-learn: pip install 'tiergate[train]'") from error
    count = max(1, min(MOST_LANDMARKS, len(vectors) // PROMPTS_PER_LANDMARK))
    count = min(count, len(np.unique(vectors, axis=0)))
    centres = KMeans(count, n_init=1, max_iter=20, random_state=seed).fit(vectors).cluster_centers_
    return np.asarray(centres, dtype=np.float32)


def _standard(values: Floats) -> Standard:
    columns = values.astype(np.float64)
    deviation = columns.std(axis=0)
    constant = deviation < 1e-6
    per_deviation = np.where(constant, 0.0, 1.0 / np.where(constant, 1.0, deviation))
    return Standard(columns.mean(axis=0).astype(np.float32), per_deviation.astype(np.float32))
