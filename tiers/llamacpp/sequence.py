"""The sequence: one answer under way, from its prompt's tokens to its finish reason."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from tiers.llamacpp.grammar import Grammar
from tiers.llamacpp.model import Vocabulary
from tiers.llamacpp.sampling import Row, Sampler, best
from tiers.llamacpp.slots import Slot
from tiers.llamacpp.stopping import TextOut
from tiers.llamacpp.toolcalls import Delta, ToolReader

REDRAWS = 16
STOP, LENGTH, TOOL_CALLS = "stop", "length", "tool_calls"


@dataclass(slots=True, eq=False)
class Sequence:
    """One choice of one request. tokens: the prompt's, then the answer's; max_tokens: of the answer.

    A sequence that lost its slot keeps everything but its cells and is decoded again from its tokens.
    """

    request_id: int
    choice: int
    tokens: list[int]
    prompt_length: int
    max_tokens: int
    min_tokens: int
    ignore_eos: bool
    top_logprobs: int | None
    sampler: Sampler
    text: TextOut
    grammar: Grammar | None = None
    tools: ToolReader | None = None
    leader: "Sequence | None" = None  # the first choice, whose prompt this one shares
    slot: Slot | None = None
    starved_steps: int = 0
    counted: bool = False  # whether its prompt was reported
    finish: str | None = None

    @property
    def place(self) -> Slot:
        """The slot of a running sequence. Raises LookupError for one that waits."""
        if self.slot is None:
            raise LookupError("a waiting sequence has no slot")
        return self.slot

    @property
    def output_length(self) -> int:
        return len(self.tokens) - self.prompt_length

    @property
    def remaining(self) -> int:
        """Tokens that must be decoded before the next can be sampled."""
        return len(self.tokens) - (self.slot.length if self.slot else 0)

    @property
    def decoding(self) -> bool:
        return self.remaining == 1 and self.output_length > 0

    @property
    def takes_best(self) -> bool:
        """Whether the raw row's best score is the next token unless it ends the answer too early."""
        return self.grammar is None and self.sampler.takes_best

    def choose(self, row: Row, vocabulary: Vocabulary, row_best: int) -> int | None:
        """The next token; None where the grammar lets nothing follow. row_best: the row's highest entry."""
        may_end = self.grammar is not None or not (self.ignore_eos or self.output_length < self.min_tokens)
        if self.takes_best and (may_end or row_best not in vocabulary.ends):
            return row_best
        scores = self.sampler.adjust(row)
        if not may_end:
            scores = scores.copy()
            scores[list(vocabulary.ends)] = -np.inf
        if self.grammar is None:
            return self.sampler.choose(scores)
        return self._choose_allowed(scores, self.grammar)

    def _choose_allowed(self, scores: Row, grammar: Grammar) -> int | None:
        """A token that the grammar allows; drawing again without the rejected ones is drawing among the allowed.

        The whole vocabulary, which takes a thousand times as long as one token, is masked only after REDRAWS tries.
        """
        token = self.sampler.choose(scores)
        if grammar.allows(token):
            return token
        if self.sampler.sampling.greedy:
            return grammar.best_allowed(scores)
        scores = scores.copy()
        for _ in range(REDRAWS):
            scores[token] = -np.inf
            token = self.sampler.choose(scores)
            if grammar.allows(token):
                return token
        masked = grammar.mask(scores)
        return self.sampler.choose(masked) if masked.max() > -np.inf else None

    def accept(self, token: int, vocabulary: Vocabulary) -> tuple[str, list[Delta]]:
        """Append the token; the text and tool calls that can be sent now. Sets `finish` when this was the last."""
        self.tokens.append(token)
        self.sampler.accept(token)
        text = ""
        if token in vocabulary.ends and (self.grammar is not None or not self.ignore_eos):
            self.finish = STOP
        else:
            text = self.text.feed(vocabulary.shown(token))
            if self.grammar is not None:
                self.grammar.accept(token)
            if self.text.stopped_by is not None:
                self.finish = STOP
            elif self.output_length >= self.max_tokens:
                self.finish = LENGTH
        return self._send(text)

    def end(self) -> tuple[str, list[Delta]]:
        """Finish without a further token; the text and tool calls that were held back."""
        self.finish = STOP
        return self._send("")

    def logprobs(self, row: Row, token: int, log_total: float, vocabulary: Vocabulary) -> list[Any]:
        """The token and the likeliest ones, by the model's own distribution, as `answer.Token` has them."""
        top: list[list[Any]] = []
        if self.top_logprobs:
            ids = best(row, self.top_logprobs)
            names = map(vocabulary.name, ids.tolist())
            top = [[name, score - log_total] for name, score in zip(names, row[ids].tolist(), strict=True)]
        return [vocabulary.name(token), float(row[token]) - log_total, top]

    def close(self) -> None:
        if self.grammar is not None:
            self.grammar.close()
            self.grammar = None

    def _send(self, text: str) -> tuple[str, list[Delta]]:
        if self.finish is not None:
            text += self.text.finish()
        if self.tools is None:
            return text, []
        text, calls = self.tools.feed(text)
        if self.finish is not None:
            rest, last = self.tools.finish()
            text, calls = text + rest, calls + last
        if self.finish == STOP and self.tools.calls:
            self.finish = TOOL_CALLS
        return text, calls
