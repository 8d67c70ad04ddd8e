"""The outcome: from the tiers that are wanted to those that are tried, with a reason for each."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Literal, NamedTuple

from policies.case import Candidate, Case
from policies.schema_policies import Fallback
from policies.types import Cascade, Considered, Decision


class Plan(NamedTuple):
    """What was decided before anything fails.

    name: what `x-tiergate-decision` says. wanted: tiers, best first. reasons: why each stands where it does.
    passed_over: candidates that are not wanted. may_fall_back: whether the policy's fallback order follows.
    """

    name: str
    wanted: tuple[str, ...]
    reasons: Mapping[str, str]
    passed_over: tuple[str, ...] = ()
    may_fall_back: bool = True
    cascade: Cascade | None = None
    priority: Literal["low", "normal", "high"] = "normal"


def outcome(policy_name: str, plan: Plan, case: Case, fallback: Fallback, on: frozenset[str]) -> Decision:
    """The decision: wanted tiers that can serve, then the fallback order, no more than there are attempts."""
    names = dict.fromkeys((*plan.wanted, *fallback.order) if plan.may_fall_back else plan.wanted)
    possible = case.candidates(names)
    able = [candidate for candidate in possible if candidate.usable] or _last_resorts(possible)
    tried = [candidate.name for candidate in able[: fallback.attempts]]
    all_names = dict.fromkeys((*tried, *names, *plan.passed_over))
    drafts = plan.cascade is not None and len(tried) > 1 and tried[0] == plan.wanted[0]
    return Decision(
        tiers=tuple(tried),
        name=plan.name,
        policy=policy_name,
        considered=tuple(_considered(case.candidate(name), tried, plan) for name in all_names),
        cascade=_judged(plan.cascade, case, tried) if drafts and plan.cascade else None,
        attempts=fallback.attempts,
        on=on,
        priority=plan.priority,
        predicted=case.predicted,
    )


def _judged(cascade: Cascade, case: Case, tried: list[str]) -> Cascade:
    """The cascade with what is predicted of this draft and of the tiers behind it."""
    prior, *behind = (case.candidate(name).quality for name in tried)
    known = [quality for quality in behind if quality is not None]
    if prior is None or not known:
        return cascade
    return replace(cascade, prior=prior, against=max(known))


def _last_resorts(possible: Iterable[Candidate]) -> list[Candidate]:
    """Tiers that may yet serve where none is usable, so that an attempt says the real error."""
    able = [candidate for candidate in possible if candidate.standing.kind == "last_resort"]
    return sorted(able, key=_likelihood)


def _likelihood(candidate: Candidate) -> tuple[int, int]:
    """Up (the predicted answer may not fit) before full before down; of those that are up the largest context."""
    view = candidate.view
    if view is None or view.state != "up":
        return (1 if view is not None and view.state == "full" else 2), 0
    return 0, -view.context


def _considered(candidate: Candidate, tried: list[str], plan: Plan) -> Considered:
    name = candidate.name
    place = tried.index(name) if name in tried else None
    return Considered(
        tier=name,
        verdict="excluded" if place is None else "chosen" if place == 0 else "fallback",
        reason=_reason(candidate, plan, tried=place is not None),
        quality=candidate.quality,
        output_tokens=candidate.output_tokens,
        cost_nusd=candidate.cost_nusd,
        latency_s=candidate.latency_s,
        load=candidate.load,
    )


def _reason(candidate: Candidate, plan: Plan, *, tried: bool) -> str:
    if not candidate.usable:
        stands = candidate.standing.reason
        return f"{stands}; tried because nothing else can serve" if tried else stands
    reason = plan.reasons.get(candidate.name)
    if not tried and candidate.name not in plan.passed_over:
        return f"{reason or 'in the fallback order'}; more tiers than attempts"
    return reason or "in the fallback order"
