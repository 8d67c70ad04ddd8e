"""One request, from the first byte to the ledger."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from policies.types import Facts
from router.limits.rules import Own
from router.snapshot import Snapshot

CacheMode = Literal["use", "off", "refresh"]


@dataclass(frozen=True, slots=True)
class Principal:
    """Who asks. models, tiers: what the key may ask for and be answered by, empty for everything.

    own: limits that the key was made with, None where it has none.
    """

    team: str = ""
    user: str = ""
    key_id: str = ""
    role: Literal["use", "admin", "read"] = "admin"
    models: tuple[str, ...] = ()
    tiers: tuple[str, ...] = ()
    own: Own | None = None


@dataclass(frozen=True, slots=True)
class Arrival:
    """A request as it came: its path, lower-case headers and body bytes."""

    id: str
    path: str
    headers: Mapping[str, str]
    raw: bytes


@dataclass(frozen=True, slots=True)
class Request:
    """An admitted request; nothing here changes while it is answered.

    body: as parsed, untouched. policy: the policy's name, also for a pinned tier. asked_usage: the caller wants a usage
    chunk in the stream; asked_cost: and the `tiergate` object in it. started: seconds of the monotonic clock;
    started_ns: Unix time.
    """

    id: str
    path: str
    body: Mapping[str, Any]
    facts: Facts
    principal: Principal
    snapshot: Snapshot
    client_model: str
    policy: str
    pinned: str | None
    stream: bool
    asked_usage: bool
    asked_cost: bool
    asked_logprobs: bool
    cache_mode: CacheMode
    started: float
    started_ns: int
    tags: Mapping[str, str] = field(default_factory=dict)
