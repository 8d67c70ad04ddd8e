"""Tried: what was dispatched for one request, and how long it waited for places."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from router.attempt import Attempt
from router.ledger.types import AttemptEnd
from router.limits.allowance import Allowance
from tiers.pool import Tier


@dataclass(slots=True)
class Tried:
    """attempts: in order. waited_s: seconds in the waiting room. allowance: None where nothing is limited."""

    attempts: list[Attempt] = field(default_factory=list)
    escalations: int = 0
    fallbacks: int = 0
    waited_s: float = 0.0
    allowance: Allowance | None = None

    @property
    def failed(self) -> bool:
        """Whether an attempt failed; a draft that was not good enough did not."""
        return len(self.attempts) > self.escalations

    @property
    def counted(self) -> int:
        """The attempts that count against the policy's number of them: those that neither drafted nor came whole."""
        if not self.attempts:
            return 0
        whole = sum(ours.settlement is not None and ours.settlement.end == "ok" for ours in self.attempts)
        return len(self.attempts) - self.escalations - whole

    def failed_at(self, tier: Tier, *, forgiven: AttemptEnd = "ok") -> set[str]:
        """The tier's replicas that were tried and failed. forgiven: an end that does not count as one."""
        if not self.attempts:
            return set()
        mine = (ours for ours in self.attempts if ours.tier is tier and ours.kind != "draft")
        return {a.replica.name for a in mine if a.settlement is not None and a.settlement.end not in ("ok", forgiven)}

    @contextmanager
    def waiting(self) -> Iterator[None]:
        began = time.monotonic()
        try:
            yield
        finally:
            self.waited_s += time.monotonic() - began
