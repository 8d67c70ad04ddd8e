"""Greedy answers of a toy model through llama.cpp, with the log-probability of every token."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import llama_cpp
import numpy as np
from numpy.typing import NDArray

from tiers.toys.template import render

Scores = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Answer:
    """What a model said. text: without the end mark.

    logprobs: natural logarithms, one per generated token, the end mark included.
    finished: whether the model ended by itself before the limit.
    """

    text: str
    logprobs: tuple[float, ...]
    finished: bool


@dataclass(frozen=True, slots=True)
class Answerer:
    """One loaded model that answers one conversation at a time."""

    model: Any

    def answer(
        self,
        messages: Sequence[Mapping[str, Any]],
        tools: Sequence[Mapping[str, Any]] = (),
        *,
        limit: int = 256,
    ) -> Answer:
        """The most probable answer, token by token, of at most `limit` tokens."""
        self.model.reset()
        prompt = render(messages, tools).encode()
        self.model.eval(self.model.tokenize(prompt, add_bos=False, special=True))
        tokens: list[int] = []
        logprobs: list[float] = []
        while len(logprobs) < limit:
            scores = self.scores()
            token = int(scores.argmax())
            logprobs.append(float(scores[token]))
            if token == self.model.token_eos():
                break
            tokens.append(token)
            self.model.eval([token])
        text = self.model.detokenize(tokens).decode(errors="replace")
        return Answer(text, tuple(logprobs), finished=len(logprobs) > len(tokens))

    def scores(self) -> Scores:
        """Log-probabilities of the next token (vocabulary,), after what was evaluated last."""
        pointer = llama_cpp.llama_get_logits_ith(self.model.ctx, -1)
        logits = np.ctypeslib.as_array(pointer, (self.model.n_vocab(),))
        shifted = logits - logits.max()
        normalised: Scores = shifted - np.log(np.exp(shifted).sum())
        return normalised


@contextmanager
def opened(path: Path, *, threads: int = 1) -> Iterator[Answerer]:
    """The model of a GGUF file, closed at the end."""
    model = llama_cpp.Llama(str(path), n_ctx=2048, n_threads=threads, n_threads_batch=threads, verbose=False)
    try:
        yield Answerer(model)
    finally:
        model.close()
