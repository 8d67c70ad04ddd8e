"""Failures: what went wrong with one request so far, and what the caller is told in the end."""

from policies.types import Decision
from router.errors import AllFailed, ApiError, cut_stream, from_refusal, no_candidate
from router.limits.allowance import Allowance
from router.limits.refusals import OverBudget
from tiers.errors import ContextTooLong, Refused, TierError
from tiers.pool import Tier


class Failures:
    """Every failure by tier, and the tiers that they rule out."""

    def __init__(self, allowance: Allowance | None) -> None:
        self._allowance = allowance
        self._told: list[tuple[str, TierError]] = []
        self._too_small = 0  # tokens of context that did not hold this request
        self._too_dear: set[str] = set()

    @property
    def last_reason(self) -> str | None:
        return self._told[-1][1].reason if self._told else None

    @property
    def refusals(self) -> int:
        """How many engines refused the request itself, which cost them nothing."""
        return sum(isinstance(error, Refused) for _, error in self._told)

    def rule_out(self, tier: Tier) -> bool:
        return tier.spec.context <= self._too_small or tier.name in self._too_dear

    def note(self, tier: Tier, error: TierError) -> None:
        self._told.append((tier.name, error))
        if isinstance(error, ContextTooLong):
            self._too_small = max(self._too_small, tier.spec.context)

    def over_budget(self, tier: Tier, error: OverBudget) -> None:
        self._too_dear.add(tier.name)
        if self._allowance is not None:
            self._allowance.bar(tier.name, error)

    def verdict(self, decision: Decision) -> ApiError:
        """A budget's refusal where it kept the request from a tier; the engine's own where all that failed was that;
        else every failure by name.
        """
        refusal = self._over_budget(decision)
        if refusal is not None:
            return refusal
        refusals = [error for _, error in self._told if isinstance(error, ContextTooLong)]
        if refusals and len(refusals) == len(self._told):
            return from_refusal(refusals[-1])
        if not self._told:
            return no_candidate(tuple(f"{c.tier}: {c.reason}" for c in decision.considered))
        return AllFailed(tuple(self._told))

    def broken_off(self) -> ApiError:
        """The same for a stream that had begun and that nobody could go on with."""
        return cut_stream(tuple(self._told))

    def _over_budget(self, decision: Decision) -> OverBudget | None:
        if self._allowance is None:
            return None
        told = "; ".join(f"{name}: {error.message}" for name, error in self._told)
        return self._allowance.refusal((considered.tier for considered in decision.considered), told)
