"""The schedule: which tokens of which sequences go into the next batch. Pure: no model, no clock."""

from collections.abc import Sequence
from dataclasses import dataclass

PATIENCE_STEPS = 4  # after so many steps without LEAST_CHUNK tokens a prompt comes first
LEAST_CHUNK = 4  # prompt tokens that a step takes at least, however slow the machine
STRETCH = 8  # how many times its usual prompt tokens a step takes to finish a prompt
GROWTH = 0.3  # by how much of a pure decode step the prompt tokens may lengthen it
IDLE_STEP_S = 0.05  # how long a step may take when nobody's tokens wait for it
SMOOTHING = 0.2  # weight of the newest measurement


@dataclass(frozen=True, slots=True)
class Prefill:
    """A prompt under way: tokens still to be decoded, and steps since it was last given any."""

    key: int
    remaining: int
    starved_steps: int = 0


@dataclass(frozen=True, slots=True)
class Share:
    """How many tokens of which sequence the next batch takes."""

    key: int
    tokens: int


def plan(decoding: Sequence[int], prefilling: Sequence[Prefill], *, budget: int, chunk: int) -> list[Share]:
    """One token for each decoding sequence, then prompts, the shortest remainder first, into what is left.

    budget: most tokens in the batch; chunk: prompt tokens that a step should take. Up to STRETCH times as many go in
    where that finishes a prompt: one longer step is better for everybody than several. A prompt that went without
    for PATIENCE_STEPS comes first, so that a long one is slowed by a stream of short ones but goes on.
    """
    shares = [Share(key, 1) for key in decoding[:budget]]
    room = budget - len(shares)
    usual, most = min(room, chunk), min(room, STRETCH * chunk)
    for prompt in sorted(prefilling, key=_urgency):
        tokens = prompt.remaining if prompt.remaining <= most else min(usual, prompt.remaining)
        if tokens > 0:
            shares.append(Share(prompt.key, tokens))
            usual, most = usual - tokens, most - tokens
    return shares


def starved_after(starved_steps: int, *, remaining: int, tokens: int) -> int:
    """Steps without a share worth the name, once this step gave `tokens` to a prompt with `remaining` left."""
    return 0 if tokens >= min(LEAST_CHUNK, remaining) else starved_steps + 1


def _urgency(prompt: Prefill) -> tuple[int, int, int]:
    impatience = prompt.starved_steps if prompt.starved_steps >= PATIENCE_STEPS else 0
    return -impatience, prompt.remaining, prompt.key


class ChunkSizer:
    """Chooses how many prompt tokens a step takes, from what steps were measured to cost.

    A short prompt that comes while a long one is under way waits for the rest of one step, which is (1 + GROWTH)
    decode steps long at most, and is done in the next: its first token is there within three decode steps.
    """

    def __init__(self, *, budget: int) -> None:
        self._budget = budget
        self._decode_s: dict[int, float] = {}
        self._token_s: float | None = None

    def measured(self, *, decodes: int, prompt_tokens: int, seconds: float) -> None:
        """Learn from a step of `decodes` single tokens and `prompt_tokens` others that took `seconds`."""
        if not prompt_tokens:
            self._decode_s[decodes] = _smooth(self._decode_s.get(decodes), seconds)
            return
        extra = seconds - self._decode_step_s(decodes)
        if extra > 0:
            self._token_s = _smooth(self._token_s, extra / prompt_tokens)

    def chunk(self, decodes: int) -> int:
        """Prompt tokens for a step beside `decodes` single tokens."""
        if self._token_s is None:
            return min(self._budget, STRETCH * LEAST_CHUNK)
        allowed_s = GROWTH * self._decode_step_s(decodes) if decodes else IDLE_STEP_S
        return max(LEAST_CHUNK, min(self._budget, int(allowed_s / self._token_s)))

    def _decode_step_s(self, decodes: int) -> float:
        """The time of a step of `decodes` single tokens; of the nearest number measured where that one was not."""
        if not decodes or not self._decode_s:
            return 0.0
        nearest = min(self._decode_s, key=lambda known: (abs(known - decodes), known))
        return self._decode_s[nearest]


def _smooth(old: float | None, new: float) -> float:
    return new if old is None else old + SMOOTHING * (new - old)
