"""The values of a decision: what is known of a request and of the tiers, and what was decided."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal

PATIENCE = 2.0  # how far over the bar a draft may be while it still goes on; measured on the toys, flat from 1.5 to 3

Need = Literal["tools", "images", "json", "logprobs", "chat", "completions", "embeddings"]


@dataclass(frozen=True, slots=True)
class Facts:
    """What rules may ask of one request; no clock, no I/O: the router passes in `hour` and `weekday`.

    prompt_tokens: estimated from the text (about 4 bytes a token, less for code and CJK). language: ISO 639-1 guess
    or "und". max_tokens: the caller's limit on the answer, None where not given. tags: from header and metadata.
    hour: 0-23 and weekday: 0-6 (Monday 0) in the configured time zone.
    """

    path: str
    model: str
    prompt_tokens: int
    turns: int
    has_code: bool
    has_tools: bool
    has_images: bool
    wants_json: bool
    wants_logprobs: bool
    language: str
    stream: bool
    n: int
    max_tokens: int | None
    tags: Mapping[str, str] = field(default_factory=dict)
    team: str = ""
    user: str = ""
    key: str = ""
    hour: int = 0
    weekday: int = 0


@dataclass(frozen=True, slots=True)
class Predicted:
    """What the classifier says of a request: calibrated P(good answer) per tier, output-length quantiles in tokens.

    typical_tokens: of an answer as the classifier has learned them, None where it has not learned to judge drafts.
    """

    quality: Mapping[str, float]
    output_p50: float
    output_p90: float
    version: str = ""
    typical_tokens: float | None = None


@dataclass(frozen=True, slots=True)
class TierView:
    """One candidate as the decision sees it.

    input_nusd, cached_input_nusd, output_nusd: price in nano-dollars per token (1 USD per million tokens is 1,000),
    None where unknown. needs_met: what it can do. state: `up`, `down` (no healthy replica), `full` (limits reached),
    `draining`. inflight: own requests under way over all replicas; capacity: max_inflight times replicas up.
    ttft_s, inter_token_s: recent medians, None while unknown. output: which lengths it is for. barred: why this caller
    may not use it now (a budget, its key's tiers), empty where it may.
    """

    name: str
    context: int
    needs_met: frozenset[Need]
    state: Literal["up", "down", "full", "draining"] = "up"
    input_nusd: float | None = None
    cached_input_nusd: float | None = None
    output_nusd: float | None = None
    inflight: int = 0
    capacity: int = 0
    ttft_s: float | None = None
    inter_token_s: float | None = None
    output: Literal["any", "short", "long"] = "any"
    barred: str = ""


@dataclass(frozen=True, slots=True)
class Considered:
    """Why a candidate was or was not chosen; predicted figures are None where nothing is known.

    verdict: `chosen`, `fallback` (would be tried next), or `excluded`. reason: one clause for a person.
    """

    tier: str
    verdict: Literal["chosen", "fallback", "excluded"]
    reason: str
    quality: float | None = None
    output_tokens: float | None = None
    cost_nusd: float | None = None
    latency_s: float | None = None
    load: float | None = None


@dataclass(frozen=True, slots=True)
class Cascade:
    """Answer on the first tier, hold back `hold_tokens`, keep the draft where it is sure enough, else go on in order.

    drafts: the tiers whose answers are judged, in the order to try. rival: the tier behind them that promises most, ""
    where nothing is predicted. stretch: what an answer of it costs here, in answers of typical length.
    accept: 1 - accept is what going on must gain to be worth a typical answer (`keeps`); where no draft has been
    learned from, the share of what the tiers behind promise (`accepts`). prior: predicted quality of the first draft,
    None where nothing is predicted. against: the best predicted quality behind it, 1 where nothing is predicted.
    """

    accept: float
    hold_tokens: int
    method: Literal["logprob"] = "logprob"
    prior: float | None = None
    against: float = 1.0
    drafts: tuple[str, ...] = ()
    rival: str = ""
    stretch: float = 1.0

    def bar(self) -> float:
        """The gain above which going on is worth its cost: right answers for a wrong draft, a share."""
        return (1.0 - self.accept) * self.stretch

    def keeps(self, gain: float, *, at_once: bool) -> bool:
        """gain: P(the rival is right and the draft wrong).

        at_once: what has been seen must decide; else the draft goes on, which costs little, unless it looks bad.
        """
        return gain <= self.bar() * (1.0 if at_once else PATIENCE)

    def sureness(self, confidence: float) -> float:
        """What speaks for the draft, in [0, 1]: the geometric mean of what was predicted and what its tokens say."""
        return confidence if self.prior is None else math.sqrt(confidence * self.prior)

    def accepts(self, confidence: float | None) -> bool:
        """confidence: of the draft's own tokens, in [0, 1]; None where it has none, which is never enough."""
        return confidence is not None and self.sureness(confidence) >= self.accept * self.against


@dataclass(frozen=True, slots=True)
class Decision:
    """Where a request goes and why.

    tiers: names in the order to try, never empty unless nothing can serve it. name: what `x-tiergate-decision` says (a
    rule's name, `pinned`, `classified`, `cascade`, `safe` when the classifier was late). candidates: every tier that
    was looked at. cascade: set when tiers[0] is a draft. attempts: the most attempts over all tiers. on: the reasons
    that allow the next candidate. fleet: the tiers as they were decided on. told: puts it into words.
    """

    tiers: tuple[str, ...]
    name: str
    policy: str
    candidates: tuple[str, ...] = ()
    cascade: Cascade | None = None
    attempts: int = 4
    on: frozenset[str] = frozenset()
    priority: Literal["low", "normal", "high"] = "normal"
    predicted: Predicted | None = None
    fleet: Mapping[str, TierView] = field(default_factory=dict)
    told: Callable[[], tuple[Considered, ...]] = field(default=tuple, compare=False, repr=False)

    @property
    def considered(self) -> tuple[Considered, ...]:
        """Why each candidate was or was not chosen, put into words when somebody asks: few requests are explained."""
        return self.told()
