"""The events that the core emits. Listeners never raise into the request and never wait."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from router.ledger.types import Correction, RequestRow, Reservation, Settlement


@dataclass(frozen=True, slots=True)
class AttemptBegan:
    """An attempt was dispatched to a replica."""

    reservation: Reservation


@dataclass(frozen=True, slots=True)
class AttemptEnded:
    """An attempt ended, however it ended. reason: the fallback word of its failure, "" where it did not fail."""

    reservation: Reservation
    settlement: Settlement
    reason: str = ""


@dataclass(frozen=True, slots=True)
class AttemptCorrected:
    """What an attempt was settled at was wrong; the engine's own count came later."""

    correction: Correction


@dataclass(frozen=True, slots=True)
class Escalated:
    """A draft was not good enough. confidence: what was judged, in [0, 1]."""

    tier: str
    confidence: float


@dataclass(frozen=True, slots=True)
class FellBack:
    """The next candidate is tried because the one before failed."""

    tier: str
    reason: str


@dataclass(frozen=True, slots=True)
class Waited:
    """A request that found every replica full got a place, or not. outcome: served, timeout, refused or left."""

    tier: str
    priority: str
    seconds: float
    outcome: str


@dataclass(frozen=True, slots=True)
class AssessmentMissed:
    """The classifier gave nothing in time; the policy's safe tier serves. reason: late or failed."""

    reason: str


@dataclass(frozen=True, slots=True)
class KeyRefused:
    """A caller showed no key that is valid. key_id: of the key that was meant, "" where there is none."""

    why: Literal["none", "unknown", "wrong", "revoked", "expired"]
    key_id: str


@dataclass(frozen=True, slots=True)
class LimitReached:
    """A budget or a rate limit acted: each time it rejects; once a period where a budget warns or downgrades.

    scope: as the configuration has it, such as `team:*`.
    """

    what: Literal["budget", "requests", "tokens"]
    scope: str
    action: Literal["reject", "downgrade", "warn"]


@dataclass(frozen=True, slots=True)
class RequestEnded:
    """A request ended. inter_token_ns: mean time between tokens of a stream."""

    row: RequestRow
    inter_token_ns: int | None = None


@dataclass(frozen=True, slots=True)
class Reloaded:
    """A configuration was taken (`ok`) or refused; generation: the one that serves now."""

    ok: bool
    generation: int
    message: str = ""


Event = (
    AttemptBegan
    | AttemptEnded
    | AttemptCorrected
    | Escalated
    | FellBack
    | Waited
    | AssessmentMissed
    | KeyRefused
    | LimitReached
    | RequestEnded
    | Reloaded
)
Listener = Callable[[Event], None]


class Bus:
    """Hands each event to every listener, in the order in which they were given."""

    def __init__(self, listeners: tuple[Listener, ...]) -> None:
        self._listeners = listeners

    def emit(self, event: Event) -> None:
        for listener in self._listeners:
            listener(event)
