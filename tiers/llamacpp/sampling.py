"""The sampler: from one row of raw scores to the next token, and to its log-probabilities."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Row: TypeAlias = NDArray[np.float32]
Ids: TypeAlias = NDArray[np.intp]

LANES = 64  # the vocabulary is read as this many rows side by side, so that one pass finds each column's maximum
FIRST_LOOK = 256  # candidates sorted at first where top_p alone limits them; seldom not enough


@dataclass(frozen=True, slots=True)
class Sampling:
    """How tokens are chosen; the fields have the OpenAI API's meaning, top_k, min_p and repetition_penalty vLLM's.

    temperature 0 is greedy; top_k 0 is no limit. presence and frequency count the answer's tokens, repetition also
    the prompt's. logit_bias: (token, added to its score).
    """

    temperature: float = 1.0
    top_p: float = 1.0
    top_k: int = 0
    min_p: float = 0.0
    presence_penalty: float = 0.0
    frequency_penalty: float = 0.0
    repetition_penalty: float = 1.0
    seed: int | None = None
    logit_bias: tuple[tuple[int, float], ...] = ()

    @property
    def greedy(self) -> bool:
        return self.temperature == 0.0 or self.top_k == 1

    @property
    def adjusts_scores(self) -> bool:
        penalised = self.presence_penalty or self.frequency_penalty or self.repetition_penalty != 1.0
        return bool(penalised or self.logit_bias)


class Sampler:
    """One sequence's choices; its random numbers are its own, so neighbours in the batch do not change them."""

    def __init__(self, sampling: Sampling, *, choice: int, prompt: Sequence[int]) -> None:
        self.sampling = sampling
        entropy = None if sampling.seed is None else (sampling.seed % 2**64, choice)
        self._random = np.random.Generator(np.random.Philox(np.random.SeedSequence(entropy)))
        self._prompt = np.unique(np.asarray(prompt, np.intp)) if sampling.repetition_penalty != 1.0 else None
        self._counts: dict[int, int] = {}

    @property
    def takes_best(self) -> bool:
        """Whether the raw row's best score is always the choice."""
        return self.sampling.greedy and not self.sampling.adjusts_scores

    def adjust(self, row: Row) -> Row:
        """The scores after bias and penalties; the row itself where there are none."""
        if not self.sampling.adjusts_scores:
            return row
        adjusted = row.copy()
        for token, bias in self.sampling.logit_bias:
            adjusted[token] += bias
        self._penalise(adjusted)
        return adjusted

    def choose(self, row: Row) -> int:
        """The next token by scores already adjusted; entries of -inf are never chosen unless all are."""
        if self.sampling.greedy:
            return int(row.argmax())
        if self.sampling.top_k == 0 and self.sampling.top_p >= 1.0 and self.sampling.min_p <= 0.0:
            return self._draw(_weights(row, self.sampling.temperature))
        ids, weights = self._candidates(row)
        return int(ids[self._draw(weights)])

    def accept(self, token: int) -> None:
        """Count the chosen token, for the penalties."""
        if self.sampling.adjusts_scores:
            self._counts[token] = self._counts.get(token, 0) + 1

    def _penalise(self, row: Row) -> None:
        said = np.fromiter(self._counts, np.intp, len(self._counts))
        sampling = self.sampling
        if sampling.repetition_penalty != 1.0:
            seen = said if self._prompt is None else np.union1d(said, self._prompt)
            scores = row[seen]
            factor = sampling.repetition_penalty
            row[seen] = np.where(scores > 0, scores / factor, scores * factor)
        if said.size:
            counts = np.fromiter(self._counts.values(), np.float32, len(self._counts))
            row[said] -= counts * np.float32(sampling.frequency_penalty) + np.float32(sampling.presence_penalty)

    def _candidates(self, row: Row) -> tuple[Ids, NDArray[np.float64]]:
        """The tokens that top_k, top_p and min_p leave, best first, and their weights."""
        look = self.sampling.top_k or FIRST_LOOK
        whole = None if self.sampling.top_k else _weights(row, self.sampling.temperature).sum()
        while True:
            ids = best(row, look)
            weights = _weights(row[ids], self.sampling.temperature)
            total = weights.sum() if whole is None else whole
            kept = self._nucleus(weights, total)
            if kept < ids.size or whole is None or ids.size == row.size:
                return ids[:kept], weights[:kept]
            look *= 8

    def _nucleus(self, weights: NDArray[np.float64], total: float) -> int:
        """How many of the sorted weights are kept: the fewest that reach top_p of `total`, and none under min_p."""
        kept = weights.size
        if self.sampling.top_p < 1.0:
            kept = int(np.searchsorted(np.cumsum(weights), self.sampling.top_p * total)) + 1
        if self.sampling.min_p > 0.0:
            kept = min(kept, int(np.count_nonzero(weights >= self.sampling.min_p * weights[0])))
        return max(1, min(kept, weights.size))

    def _draw(self, weights: NDArray[np.float64]) -> int:
        cumulative = np.cumsum(weights)
        drawn = int(np.searchsorted(cumulative, self._random.random() * cumulative[-1], side="right"))
        return min(drawn, weights.size - 1)


def _weights(row: Row, temperature: float) -> NDArray[np.float64]:
    """exp(score / temperature), the largest being 1."""
    scaled = row.astype(np.float64)
    scaled -= scaled.max()
    scaled /= temperature
    return np.exp(scaled, out=scaled)


def best(row: Row, count: int) -> Ids:
    """The ids of the `count` highest scores, highest first.

    Each of them lies in one of the `count` columns (of LANES entries) with the highest maxima, so only those are
    sorted; what does not fill a row of columns is looked at in any case.
    """
    columns = row.size // LANES
    if count >= columns:
        return _sorted_best(row, np.arange(row.size), count)
    main = columns * LANES
    maxima = row[:main].reshape(LANES, columns).max(axis=0)
    chosen = np.argpartition(maxima, columns - count)[columns - count :]
    ids = (chosen[:, None] + np.arange(0, main, columns)).ravel()
    ids = np.concatenate((ids, np.arange(main, row.size)))
    return _sorted_best(row, ids, count)


def _sorted_best(row: Row, ids: Ids, count: int) -> Ids:
    scores = row[ids]
    if count < ids.size:
        part = np.argpartition(scores, ids.size - count)[ids.size - count :]
        ids, scores = ids[part], scores[part]
    order = np.lexsort((ids, -scores))
    return ids[order]


class Normaliser:
    """Log-probabilities of rows of one size; keeps the memory that each of them needs for a moment."""

    def __init__(self, size: int) -> None:
        self._scratch = np.empty(size, np.float32)

    def log_total(self, row: Row, highest: float) -> float:
        """log of the sum of exp(score): subtracted from a score it gives the log-probability. highest: the row's."""
        np.subtract(row, highest, out=self._scratch)
        np.exp(self._scratch, out=self._scratch)
        return highest + math.log(self._scratch.sum())
