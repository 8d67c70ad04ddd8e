"""Greedy answers of a toy model through llama.cpp, with the log-probability of every token."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import llama_cpp
import numpy as np

from tiers.toys.template import render


@dataclass(frozen=True, slots=True)
class Answer:
    """text: without the end mark. logprobs: natural logarithms, one per generated token, the end mark included.

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
        self, messages: Sequence[Mapping[str, Any]], tools: Sequence[Mapping[str, Any]] = (), *, limit: int = 256
    ) -> Answer:
        """The most probable answer, token by token, of at most `limit` tokens."""
        self.model.reset()
        prompt = render(messages, tools).encode()
        self.model.eval(self.model.tokenize(prompt, add_bos=False, special=True))
        tokens: list[int] = []
        logprobs: list[float] = []
        while len(logprobs) < limit:
            token, logprob = self._most_probable()
            logprobs.append(logprob)
            if token == self.model.token_eos():
                break
            tokens.append(token)
            self.model.eval([token])
        text = self.model.detokenize(tokens).decode(errors="replace")
        return Answer(text, tuple(logprobs), finished=len(logprobs) > len(tokens))

    def _most_probable(self) -> tuple[int, float]:
        scores = np.ctypeslib.as_array(llama_cpp.llama_get_logits_ith(self.model.ctx, -1), (self.model.n_vocab(),))
        token = int(scores.argmax())
        return token, float(-np.log(np.exp(scores - scores[token]).sum()))


@contextmanager
def opened(path: Path, *, threads: int = 1) -> Iterator[Answerer]:
    """The model of a GGUF file, closed at the end."""
    model = llama_cpp.Llama(str(path), n_ctx=2048, n_threads=threads, n_threads_batch=threads, verbose=False)
    try:
        yield Answerer(model)
    finally:
        model.close()
