"""The time of one decision on one core."""

import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from benchmarks.routing.figures import table
from classifier.artifact import load
from classifier.transformer import Transformer
from classifier.types import Question

SENTENCE = "Explain how a hash table resolves collisions and compare chaining with open addressing in memory use. "
CALLS = {"static": 3000, "transformer": 200}


def section(embedder: Path | None) -> list[str]:
    """`embedder`: folder of an exported transformer, left out where there is none."""
    classifier = load("bundled")
    question = Question(SENTENCE * 6)
    tokens = classifier.count_tokens(question.text)
    rows = [_row("static classifier, all of `assess`", lambda: classifier.assess(question), CALLS["static"])]
    if embedder is not None:
        transformer = Transformer.open(embedder)
        texts = [question.text]
        rows.append(_row("transformer embedding", lambda: transformer.embed(texts), CALLS["transformer"]))
        rows.append(_row("transformer, 8 texts in a batch", lambda: transformer.embed(texts * 8), 40, each=8))
    return [
        "## Time of a decision",
        "",
        f"A prompt of {tokens} tokens; milliseconds of one core, more where other programs use it too. RouteLLM's best",
        "router decides 155 times a second on an L4 GPU.",
        "",
        *table(("", "p50, ms", "p99, ms", "decisions/s"), rows),
        "",
    ]


def _row(name: str, work: Callable[[], object], calls: int, each: int = 1) -> tuple[str, ...]:
    taken_ms = []
    for _ in range(calls):
        begun = time.thread_time()
        work()
        taken_ms.append((time.thread_time() - begun) * 1000 / each)
    p50, p99 = np.quantile(taken_ms, (0.5, 0.99))
    return name, f"{p50:.3f}", f"{p99:.3f}", f"{1000 / p50:,.0f}"
