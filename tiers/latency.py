"""Latency: whether a replica has become slower than its fellows, whatever it is asked.

Two figures are kept apart, because a mean over both would follow the mix of requests:

first token   seconds from dispatch to the first token of a stream, as for a prompt of 1,000 tokens that were not cached
per token     seconds per token, of a stream between tokens and of a whole answer over all of it

Why these, and why against the other replicas: docs/decisions/0004-slow-is-relative.md.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

from tiers.recent import Window

# 15 tokens a second is the least that a chat should stream.
_SLOWEST_TOKEN_S = 1 / 15
_TIMES_OTHERS = 2.0
# p99 of 0.8 s at 1,000 prompt tokens and 1.5 s at 4,000 is a line: 0.71 and 0.29 of the former per thousand.
_BASE, _PER_THOUSAND = 0.71, 0.29
# A whole answer's first token and its fixed costs are spread over this many tokens at least.
_FEWEST_TOKENS = 32


@dataclass(frozen=True, slots=True)
class Timing:
    """What one answered call took. Seconds; None where it was not measured.

    ttft_s: to the first token of a stream. inter_token_s: mean between tokens of a stream. total_s: of an answer that
    was not streamed. input_tokens: prompt tokens that were not cached; output_tokens: generated.
    """

    ttft_s: float | None = None
    inter_token_s: float | None = None
    total_s: float | None = None
    input_tokens: int = 0
    output_tokens: int = 0

    @property
    def first_s(self) -> float | None:
        """To the first token, as for a prompt of 1,000 tokens; shorter prompts are taken as they are."""
        if self.ttft_s is None:
            return None
        return self.ttft_s / (_BASE + _PER_THOUSAND * max(1.0, self.input_tokens / 1000))

    @property
    def token_s(self) -> float | None:
        if self.inter_token_s is not None:
            return self.inter_token_s
        return None if self.total_s is None else self.total_s / max(_FEWEST_TOKENS, self.output_tokens)


@dataclass(frozen=True, slots=True)
class Slow:
    """A verdict: `value_s` seconds where its fellows take `others_s`. what: which figure. bound_s: the most allowed."""

    what: str
    value_s: float
    others_s: float
    bound_s: float

    def __str__(self) -> str:
        return f"{self.value_s:.3g} s {self.what}, the others {self.others_s:.3g} s"

    def still(self, timing: Timing) -> bool:
        """Whether one more call was as slow; a call that does not measure it is given the benefit of the doubt."""
        value = timing.first_s if self.what == _FIRST else timing.token_s
        return value is not None and value > self.bound_s


_FIRST, _TOKEN = "to the first token", "per token"


class Latency:
    """One replica's recent latencies."""

    def __init__(self) -> None:
        self._first = Window()
        self._token = Window()

    def add(self, now: float, timing: Timing) -> None:
        first_s, token_s = timing.first_s, timing.token_s
        if first_s is not None:
            self._first.add(now, first_s)
        if token_s is not None:
            self._token.add(now, token_s)

    def clear(self) -> None:
        self._first.clear()
        self._token.clear()

    def means(self, now: float) -> tuple[float | None, float | None]:
        """(first token, per token); None where too few calls were answered lately."""
        return self._first.mean(now), self._token.mean(now)


def slow(own: Latency, others: Sequence[Latency], now: float, *, degraded_s: float) -> Slow | None:
    """Whether a replica is over a limit and twice as slow as its fellows' median; never without fellows to compare."""
    firsts, tokens = zip(*(other.means(now) for other in others), strict=True) if others else ((), ())
    first, token = own.means(now)
    return _judge(_FIRST, first, firsts, degraded_s) or _judge(_TOKEN, token, tokens, _SLOWEST_TOKEN_S)


def _judge(what: str, value: float | None, others: Sequence[float | None], limit_s: float) -> Slow | None:
    known = [other for other in others if other is not None]
    if value is None or not known:
        return None
    usual = median(known)
    bound_s = max(limit_s, _TIMES_OTHERS * usual)
    return Slow(what, value, usual, bound_s) if value > bound_s else None
