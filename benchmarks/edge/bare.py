"""The bare loop: llama.cpp decoding N sequences with nothing around it, what the engine is compared with.

Run as a process of its own (`python -m benchmarks.edge.bare MODEL THREADS CONTEXT`): a line
`SEQUENCES TOKENS SKIPPED` in, a line with the seconds of each step out.
"""

import sys
import time
from collections.abc import Iterator

import numpy as np

from benchmarks.edge.prompts import prompt_tokens
from tiers.llamacpp.model import Batch, LogitRows, Model, send_log_to_stderr
from tiers.llamacpp.options import EngineOptions


def decode_steps(model: Model, sequences: int, tokens: int, skipped: int) -> Iterator[float]:
    """Seconds of each of `tokens` decode steps of greedy sequences, log-probability of the choice included.

    skipped: steps before those, so that the sequences are as long as the engine's when they are measured.
    """
    model.truncate(-1, 0)
    batch = Batch(model.options.batch)
    chosen, position = _prefill(model, batch, sequences)
    for step in range(skipped + tokens):
        started = time.perf_counter()
        batch.clear()
        for sequence, token in enumerate(chosen):
            batch.add(sequence, position, [int(token)], last_logits=True)
        chosen = _greedy(model.decode(batch))
        position += 1
        if step >= skipped:
            yield time.perf_counter() - started


def _prefill(model: Model, batch: Batch, sequences: int) -> tuple[np.ndarray, int]:
    chosen, prompt = [], []
    for sequence in range(sequences):
        batch.clear()
        prompt = prompt_tokens(sequence)
        batch.add(sequence, 0, prompt, last_logits=True)
        chosen.append(_greedy(model.decode(batch))[0])
    return np.array(chosen), len(prompt)


def _greedy(rows: LogitRows) -> np.ndarray:
    chosen = rows.argmax(axis=1)
    highest = rows[np.arange(len(rows)), chosen]
    _log_probability = -np.log(np.exp(rows - highest[:, None]).sum(axis=1))
    return chosen


def main() -> None:
    path, threads, context = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    keep_log = send_log_to_stderr()
    model = Model(EngineOptions(model_path=path, context=context, threads=threads, kv_tokens=4 * context, slots=16))
    print("ready", flush=True)
    for line in sys.stdin:
        sequences, tokens, skipped = map(int, line.split())
        print(*decode_steps(model, sequences, tokens, skipped), flush=True)
    del keep_log


if __name__ == "__main__":
    main()
