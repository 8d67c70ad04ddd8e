"""The loop: admit, plan, decode, sample, report; one step at a time, for all sequences together."""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from tiers.llamacpp.model import Batch, CacheFull, LogitRows, Model
from tiers.llamacpp.sampling import Normaliser
from tiers.llamacpp.scheduler import ChunkSizer, Prefill, Share, plan, starved_after
from tiers.llamacpp.sequence import Sequence
from tiers.llamacpp.slots import SlotTable

GROWING_ROOM = 16  # cells kept free for each running sequence when another is let in


@dataclass(slots=True)
class Report:
    """What one step has to tell the gateway; one frame for all requests.

    began: [request, prompt tokens, cached tokens]. tokens: [request, choice, text, log-probabilities or null, tool
    calls, finish reason or null, 1 or 0], one entry for each sampled token; the last entry of a choice may stand for
    none and ends in 0. failed: [request, why].
    """

    began: list[list[Any]] = field(default_factory=list)
    tokens: list[list[Any]] = field(default_factory=list)
    failed: list[list[Any]] = field(default_factory=list)


class Loop:
    """The sequences of one model, running and waiting."""

    def __init__(self, model: Model, *, clock: Callable[[], float]) -> None:
        options = model.options
        self._model = model
        self._clock = clock
        self._budget = options.batch
        self._slots = SlotTable(model, slots=options.slots, context=options.context, kv_tokens=options.kv_tokens)
        self._batch = Batch(options.batch)
        self._normaliser = Normaliser(model.vocabulary.size)
        self._sizer = ChunkSizer(budget=options.batch)
        self._waiting: deque[Sequence] = deque()
        self._running: list[Sequence] = []
        self._crowded = False  # one had to be put back: nobody is let in until somebody ends
        self._prompt_tokens = 0
        self._output_tokens = 0

    @property
    def idle(self) -> bool:
        return not self._running and not self._waiting

    def add(self, sequences: list[Sequence]) -> None:
        self._waiting.extend(sequences)

    def cancel(self, request_id: int) -> None:
        """Forget a request wherever it is; its slots are free at once."""
        for sequence in [s for s in self._running if s.request_id == request_id]:
            self._leave(sequence)
        for sequence in [s for s in self._waiting if s.request_id == request_id]:
            self._waiting.remove(sequence)
            sequence.close()

    def load(self) -> dict[str, Any]:
        return {
            "running": len(self._running),
            "waiting": len(self._waiting),
            "kv_cache": self._slots.share_in_use(),
            "prompt_tokens": self._prompt_tokens,
            "output_tokens": self._output_tokens,
        }

    def step(self) -> Report:
        """Decode one batch. Raises ModelError when the model can no longer be trusted."""
        report = Report()
        self._admit(report)
        shares = self._plan()
        if not shares:
            return report
        self._fill_batch(shares)
        started = self._clock()
        try:
            rows = self._model.decode(self._batch)
        except CacheFull:
            self._make_way(report)
            return report
        self._measure(shares, self._clock() - started)
        self._advance(shares, rows, report)
        return report

    def _admit(self, report: Report) -> None:
        """Give free slots to those who wait, in order; a choice waits for its leader's prompt to be decoded."""
        held: list[Sequence] = []
        while self._waiting:
            sequence = self._waiting.popleft()
            if _waits_for_leader(sequence):
                held.append(sequence)
                continue
            found = self._slots.acquire(sequence.tokens) if self._has_room(sequence) else None
            if found is None:
                held.append(sequence)
                break
            sequence.slot, reused = found
            self._running.append(sequence)
            if sequence.choice == 0 and not sequence.counted:
                sequence.counted = True
                report.began.append([sequence.request_id, sequence.prompt_length, reused])
                self._prompt_tokens += sequence.prompt_length
        self._waiting.extendleft(reversed(held))

    def _has_room(self, sequence: Sequence) -> bool:
        """Whether its tokens fit beside what runs, with some room for all to grow before one must be put back."""
        if not self._running:
            return True
        if self._crowded:
            return False
        wanted = len(sequence.tokens) + GROWING_ROOM * (len(self._running) + 1)
        return wanted <= self._slots.free_cells + self._slots.reclaimable()

    def _plan(self) -> list[Share]:
        decoding = [i for i, s in enumerate(self._running) if s.decoding]
        prefilling = [Prefill(i, s.remaining, s.starved_steps) for i, s in enumerate(self._running) if not s.decoding]
        chunk = self._sizer.chunk(len(decoding))
        shares = plan(decoding, prefilling, budget=self._budget, chunk=chunk)
        if self._slots.make_room(sum(share.tokens for share in shares)):
            return shares
        self._preempt_newest()
        return self._plan()

    def _preempt_newest(self) -> None:
        """Send the sequence that began last back to the queue's head; it is decoded again from its tokens later."""
        sequence = self._running.pop()
        if sequence.slot is not None:
            self._slots.clear(sequence.slot)
            sequence.slot = None
        self._waiting.appendleft(sequence)
        self._crowded = True

    def _make_way(self, report: Report) -> None:
        """Give up cells where llama.cpp has fewer than the book says: the idle ones', the newest's, the last one's."""
        if self._slots.forget_idle():
            return
        if len(self._running) > 1:
            self._preempt_newest()
            return
        sequence = self._running[0]
        report.failed.append([sequence.request_id, "the KV cache has no room for this request"])
        self.cancel(sequence.request_id)

    def _fill_batch(self, shares: list[Share]) -> None:
        self._batch.clear()
        for share in shares:
            sequence = self._running[share.key]
            start = sequence.place.length
            self._batch.add(
                sequence.place.index,
                start,
                sequence.tokens[start : start + share.tokens],
                last_logits=share.tokens == sequence.remaining,
            )

    def _measure(self, shares: list[Share], seconds: float) -> None:
        decodes = sum(1 for share in shares if self._running[share.key].decoding)
        prompt_tokens = sum(share.tokens for share in shares) - decodes
        self._sizer.measured(decodes=decodes, prompt_tokens=prompt_tokens, seconds=seconds)

    def _advance(self, shares: list[Share], rows: LogitRows, report: Report) -> None:
        highest = rows.argmax(axis=1) if len(rows) else ()
        self._note_starved(shares)
        row = 0
        for share in shares:
            sequence = self._running[share.key]
            start = sequence.place.length
            self._slots.extend(sequence.place, sequence.tokens[start : start + share.tokens])
            if sequence.remaining == 0:
                self._sample(sequence, rows[row], int(highest[row]), report)
                row += 1
        for sequence in [s for s in self._running if s.finish is not None]:
            self._leave(sequence)

    def _note_starved(self, shares: list[Share]) -> None:
        tokens = {share.key: share.tokens for share in shares}
        for key, sequence in enumerate(self._running):
            sequence.starved_steps = starved_after(
                sequence.starved_steps, remaining=sequence.remaining, tokens=tokens.get(key, 0)
            )

    def _sample(self, sequence: Sequence, row: Any, row_best: int, report: Report) -> None:
        vocabulary = self._model.vocabulary
        token = sequence.choose(row, vocabulary, row_best)
        logprobs = None
        if token is None:
            text, calls = sequence.end()
        else:
            if sequence.top_logprobs is not None:
                log_total = self._normaliser.log_total(row, float(row[row_best]))
                logprobs = sequence.logprobs(row, token, log_total, vocabulary)
            text, calls = sequence.accept(token, vocabulary)
            self._output_tokens += 1
        report.tokens.append(
            [sequence.request_id, sequence.choice, text, logprobs, calls, sequence.finish, int(token is not None)]
        )

    def _leave(self, sequence: Sequence) -> None:
        self._running.remove(sequence)
        self._crowded = False
        if sequence.slot is not None:
            self._slots.release(sequence.slot)
            sequence.slot = None
        sequence.close()


def _waits_for_leader(sequence: Sequence) -> bool:
    """Whether the prompt that it shares with its leader is still being decoded."""
    leader = sequence.leader
    return leader is not None and leader.output_length == 0 and leader.finish is None
