"""The time of one assessment."""

import time
from dataclasses import dataclass

import numpy as np

from classifier.artifact import load
from classifier.types import Question

SENTENCE = "Explain how a hash table resolves collisions and compare chaining with open addressing in memory use. "


@dataclass(frozen=True)
class Timing:
    """Milliseconds of `assess` for a prompt of so many tokens."""

    tokens: int
    p50_ms: float
    p99_ms: float


def time_assess(repeats: int, calls: int) -> Timing:
    """Over `calls` calls, one thread, with a prompt of `repeats` sentences."""
    classifier = load("bundled")
    question = Question(SENTENCE * repeats)
    taken_s = []
    for _ in range(calls):
        begun = time.perf_counter()
        classifier.assess(question)
        taken_s.append(time.perf_counter() - begun)
    p50, p99 = np.quantile(taken_s, (0.5, 0.99)) * 1000
    return Timing(classifier.count_tokens(question.text), float(p50), float(p99))
