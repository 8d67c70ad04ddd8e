"""Failures: what went wrong with one request so far, and what the caller is told in the end."""

from policies.types import Decision
from router.errors import AllFailed, ApiError, cut_stream, from_refusal, no_candidate
from router.limits.refusals import OverBudget
from tiers.errors import ContextTooLong, TierError
from tiers.pool import Tier


class Failures:
    """Every failure by tier, and the tiers that they rule out."""

    def __init__(self) -> None:
        self._told: list[tuple[str, TierError]] = []
        self._too_small = 0  # tokens of context that did not hold this request
        self._too_dear: dict[str, OverBudget] = {}

    @property
    def last_reason(self) -> str | None:
        return self._told[-1][1].reason if self._told else None

    def rule_out(self, tier: Tier) -> bool:
        return tier.spec.context <= self._too_small or tier.name in self._too_dear

    def note(self, tier: Tier, error: TierError) -> None:
        self._told.append((tier.name, error))
        if isinstance(error, ContextTooLong):
            self._too_small = max(self._too_small, tier.spec.context)

    def over_budget(self, tier: Tier, error: OverBudget) -> None:
        self._too_dear[tier.name] = error

    def verdict(self, decision: Decision) -> ApiError:
        """A budget's refusal where there was one; the engine's own where nothing else failed; else every failure."""
        if self._too_dear:
            return next(iter(self._too_dear.values()))
        refusals = [error for _, error in self._told if isinstance(error, ContextTooLong)]
        if refusals and len(refusals) == len(self._told):
            return from_refusal(refusals[-1])
        if not self._told:
            return no_candidate(tuple(f"{c.tier}: {c.reason}" for c in decision.considered))
        return AllFailed(tuple(self._told))

    def broken_off(self) -> ApiError:
        """The same for a stream that had begun and that nobody could go on with."""
        return cut_stream(tuple(self._told))
