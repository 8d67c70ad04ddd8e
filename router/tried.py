"""Tried: what was dispatched for one request, and how long it waited for places."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from router.attempt import Attempt
from tiers.pool import Tier


@dataclass(slots=True)
class Tried:
    """attempts: in order. waited_s: seconds in the waiting room."""

    attempts: list[Attempt] = field(default_factory=list)
    escalations: int = 0
    fallbacks: int = 0
    waited_s: float = 0.0

    @property
    def failed(self) -> bool:
        """Whether an attempt failed; a draft that was not good enough did not."""
        return len(self.attempts) > self.escalations

    def failed_at(self, tier: Tier) -> set[str]:
        """The tier's replicas that were tried and failed."""
        return {ours.replica.name for ours in self.attempts if ours.tier is tier and ours.kind != "draft"}

    @contextmanager
    def waiting(self) -> Iterator[None]:
        began = time.monotonic()
        try:
            yield
        finally:
            self.waited_s += time.monotonic() - began
