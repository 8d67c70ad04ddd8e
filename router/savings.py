"""Savings: what a request would have cost on the baseline tier, and by which means it cost less."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from policies.limits import needs
from policies.schema import Config
from policies.types import Decision, Need
from router.attempt import Attempt
from router.cache.exact import Entry
from router.money import Price, cost_nusd
from router.request import Request
from tiers.pool import Tier
from tiers.types import Usage

Reason = Literal["routing", "cascade", "exact", "semantic", "prefix"]
REASONS: tuple[Reason, ...] = ("routing", "cascade", "exact", "semantic", "prefix")
ASSUMPTION = "the same tokens at the baseline tier's price, none of them cached, nothing thrown away"


@dataclass(frozen=True, slots=True)
class Savings:
    """One request against its baseline, in nano-dollars.

    baseline: the tier compared with, "" where nobody answered. baseline_nusd: what the answer's tokens would have cost
    there (`ASSUMPTION`), None where that is unknown. by: reason to what it saved, negative where it cost more; an
    unknown part is absent. Where all is known, the parts add up to baseline_nusd less what was paid.
    """

    baseline: str = ""
    baseline_nusd: int | None = None
    by: Mapping[str, int] = field(default_factory=dict)


def savings(
    request: Request,
    decision: Decision | None,
    attempts: Sequence[Attempt],
    answered_by: Attempt | None,
    hit: Entry | None,
    cache: str,
    usage: Usage,
) -> Savings:
    """What this request saved. usage: of the answer. cache: `hit`, `semantic` or anything else."""
    others = _thrown_away(a for a in attempts if a is not answered_by)
    if hit is None and answered_by is None:
        return Savings(by=others)
    answering = hit.tier if hit else answered_by.tier.name if answered_by else ""
    prices = request.snapshot.prices
    baseline = _baseline(request, decision, usage, answering)
    baseline_nusd = _uncached(prices.price(baseline), usage)
    if hit is not None:
        parts = _of_hit(baseline_nusd, hit.cost_nusd, "semantic" if cache == "semantic" else "exact")
    else:
        assert answered_by is not None  # noqa: S101 - one of the two answered
        price = prices.price(answering, answered_by.replica.spec.kind)
        parts = _of_answer(baseline_nusd, answered_by, _uncached(price, answered_by.usage))
    return Savings(baseline, baseline_nusd, _added(parts, others))


def candidates(config: Config, policy: str) -> tuple[str, ...]:
    """The tiers that a policy may send a request to, weakest first."""
    settings = config.policies[policy]
    named = {*settings.route.candidates, *settings.fallback.order}
    return tuple(name for name in config.tiers if name in named)


def predicted_baseline(config: Config, decision: Decision) -> tuple[str, float | None]:
    """(tier, predicted cost there in nano-dollars or None) that this decision will be compared with."""
    cost = {c.tier: c.cost_nusd for c in decision.considered}
    if decision.name == "pinned" or not cost:
        name = decision.tiers[0] if decision.tiers else ""
    elif config.savings.baseline is not None:
        name = config.savings.baseline
    else:
        name = max(cost, key=lambda tier: cost[tier] or 0.0)
    return name, cost.get(name)


def _baseline(request: Request, decision: Decision | None, usage: Usage, answering: str) -> str:
    """The tier to compare with: a pinned one itself; the owner's; else the dearest that could have answered."""
    snapshot = request.snapshot
    if request.pinned is not None:
        return request.pinned
    if snapshot.config.savings.baseline is not None:
        return snapshot.config.savings.baseline
    named = decision.candidates if decision else candidates(snapshot.config, request.policy)
    wanted, tokens = needs(request.facts), usage.input + usage.cached_input + usage.output
    able = [name for name in named if name == answering or _could(snapshot.tiers.get(name), wanted, tokens)]
    costs = {name: cost for name in able if (cost := _uncached(snapshot.prices.price(name), usage)) is not None}
    return max(costs, key=costs.__getitem__) if costs else answering


def _could(tier: Tier | None, wanted: frozenset[Need], tokens: int) -> bool:
    return tier is not None and wanted <= tier.spec.capabilities and tokens <= tier.spec.context


def _of_hit(baseline_nusd: int | None, kept_nusd: int | None, reason: Reason) -> dict[str, int]:
    """A hit saves what the kept answer had cost; the rest of the way up to the baseline was routing's already."""
    if kept_nusd is None:
        return {}
    parts: dict[str, int] = {reason: kept_nusd}
    if baseline_nusd is not None:
        parts["routing"] = baseline_nusd - kept_nusd
    return parts


def _of_answer(baseline_nusd: int | None, answered_by: Attempt, uncached_nusd: int | None) -> dict[str, int]:
    """uncached_nusd: of what this attempt itself used, at the rate of its own replica."""
    parts: dict[str, int] = {}
    if baseline_nusd is not None and uncached_nusd is not None:
        parts["cascade" if answered_by.kind == "draft" else "routing"] = baseline_nusd - uncached_nusd
    paid = answered_by.settlement.cost_nusd if answered_by.settlement else None
    if uncached_nusd is not None and paid is not None and paid != uncached_nusd:
        parts["prefix"] = uncached_nusd - paid
    return parts


def _thrown_away(attempts: Iterable[Attempt]) -> dict[str, int]:
    """What was paid for attempts that did not answer: drafts are the cascade's loss, failures are routing's."""
    lost: dict[str, int] = {}
    for ours in attempts:
        cost = ours.settlement.cost_nusd if ours.settlement else None
        if cost:
            reason: Reason = "cascade" if ours.kind == "draft" else "routing"
            lost[reason] = lost.get(reason, 0) - cost
    return lost


def _added(one: Mapping[str, int], other: Mapping[str, int]) -> dict[str, int]:
    return {reason: one.get(reason, 0) + other.get(reason, 0) for reason in REASONS if reason in one or reason in other}


def _uncached(price: Price | None, usage: Usage) -> int | None:
    return cost_nusd(
        price, input_tokens=usage.input + usage.cached_input, cached_input_tokens=0, output_tokens=usage.output,
        reasoning_tokens=usage.reasoning,
    )  # fmt: skip
