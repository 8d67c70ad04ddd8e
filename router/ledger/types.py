"""The rows of the ledger. Money is an integer number of nano-dollars; None means unknown, never 0."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

AttemptKind = Literal[
    "primary", "draft", "escalation", "fallback", "continuation", "hedge", "shadow", "cache_hit", "classifier"
]
AttemptEnd = Literal["ok", "rejected", "cancelled", "failed", "timeout", "cut", "unseen"]


@dataclass(frozen=True, slots=True)
class Reservation:
    """Written when an attempt is dispatched. cost_nusd: predicted (P90 of the output), None if unpriced."""

    attempt_id: str
    request_id: str
    seq: int
    kind: AttemptKind
    tier: str
    replica: str
    model: str
    started_ns: int  # Unix time
    team: str = ""
    key_id: str = ""
    user: str = ""
    cost_nusd: int | None = None
    price_version: str = ""


@dataclass(frozen=True, slots=True)
class Settlement:
    """Written when an attempt ends, however it ends; `cost_nusd` is what it cost, None if unpriced.

    end: `ok` (served or whole), `rejected` (a draft thrown away by the cascade), `cancelled` (the client
    left), `unseen` (recovered after a crash, settled at its reservation). ttft_ns: from dispatch to the first
    token.
    """

    attempt_id: str
    ended_ns: int
    end: AttemptEnd
    status: int
    input_tokens: int
    cached_input_tokens: int
    output_tokens: int
    reasoning_tokens: int
    estimated: bool
    cost_nusd: int | None
    price_version: str
    error: str = ""
    finish_reason: str = ""
    ttft_ns: int | None = None
    confidence: float | None = None


@dataclass(frozen=True, slots=True)
class RequestRow:
    """One per request, written when it ended. cost_nusd: the sum of its attempts; None if one is unknown.

    facts: what `replay` needs to decide again (counts and flags, predictions; never text). cache: hit,
    semantic, miss or off. status: what the caller got; 499 when the caller left. baseline_nusd: what the same tokens
    would have cost on the baseline, None where that is not known. saved: nano-dollars by reason (routing, cascade,
    exact, semantic, prefix), below 0 where more was spent.
    """

    request_id: str
    started_ns: int
    ended_ns: int
    path: str
    client_model: str
    policy: str
    decision: str
    tier: str
    model: str
    status: int
    cache: str
    attempts: int
    stream: bool
    input_tokens: int
    cached_input_tokens: int
    output_tokens: int
    reasoning_tokens: int
    estimated: bool
    cost_nusd: int | None
    team: str = ""
    key_id: str = ""
    user: str = ""
    tags: Mapping[str, str] = field(default_factory=dict)
    error_code: str = ""
    ttft_ns: int | None = None
    overhead_ns: int | None = None
    facts: Mapping[str, object] = field(default_factory=dict)
    baseline_nusd: int | None = None
    saved: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Correction:
    """Differences to add to what an attempt was settled at; None leaves a figure as it is.

    An unknown figure (an unpriced cost) counts as nothing before the difference is added. author: who says
    so.
    """

    correction_id: str
    attempt_id: str
    made_ns: int  # Unix time
    author: str
    reason: str
    cost_nusd: int | None = None
    input_tokens: int | None = None
    cached_input_tokens: int | None = None
    output_tokens: int | None = None
    reasoning_tokens: int | None = None


Row = Reservation | Settlement | RequestRow | Correction
