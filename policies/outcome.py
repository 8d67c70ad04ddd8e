"""The outcome: from the tiers that are wanted to those that are tried, with a reason for each."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from functools import partial
from operator import itemgetter
from typing import Literal, NamedTuple

from policies.case import Candidate, Case
from policies.schema_policies import Fallback
from policies.types import Cascade, Considered, Decision


class Plan(NamedTuple):
    """What was decided before anything fails.

    name: what `x-tiergate-decision` says. wanted: tiers, best first. reasons: tells why each stands where it does.
    passed_over: candidates that are not wanted. may_fall_back: whether the policy's fallback order follows.
    """

    name: str
    wanted: tuple[str, ...]
    reasons: Callable[[], Mapping[str, str]]
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
    all_names = tuple(dict.fromkeys((*tried, *names, *plan.passed_over)))
    return Decision(
        tiers=tuple(tried),
        name=plan.name,
        policy=policy_name,
        candidates=all_names,
        cascade=_judged(plan.cascade, case, tried) if plan.cascade else None,
        attempts=fallback.attempts,
        on=on,
        priority=plan.priority,
        predicted=case.predicted,
        fleet=case.views,
        told=partial(_told, case.candidates(all_names), tried, plan),
    )


def _told(candidates: list[Candidate], tried: list[str], plan: Plan) -> tuple[Considered, ...]:
    reasons = plan.reasons()
    return tuple(_considered(candidate, tried, plan, reasons.get(candidate.name)) for candidate in candidates)


def _judged(cascade: Cascade, case: Case, tried: list[str]) -> Cascade | None:
    """The cascade with what is predicted of its drafts and of the tiers behind them; the last tier's is no draft."""
    drafts = tuple(name for name in tried[:-1] if name in cascade.drafts)
    if not drafts or tried[0] != drafts[0]:
        return None
    prior = case.candidate(tried[0]).quality
    known = [(each.quality, each) for each in case.candidates(tried[1:]) if each.quality is not None]
    if prior is None or not known:
        return replace(cascade, drafts=drafts)
    against, rival = max(known, key=itemgetter(0))
    return replace(
        cascade, drafts=drafts, prior=prior, against=against, rival=rival.name, stretch=_stretch(rival, case)
    )


def _stretch(rival: Candidate, case: Case) -> float:
    """What an answer of the rival costs here, in answers of typical length; by tokens where it has no price."""
    typical = case.predicted.typical_tokens if case.predicted is not None else None
    if typical is None or rival.view is None or rival.output_tokens is None:
        return 1.0
    if rival.cost_nusd is None or not rival.view.output_nusd:
        return rival.output_tokens / typical
    return rival.cost_nusd / (rival.view.output_nusd * typical)


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


def _considered(candidate: Candidate, tried: list[str], plan: Plan, reason: str | None) -> Considered:
    name = candidate.name
    place = tried.index(name) if name in tried else None
    return Considered(
        tier=name,
        verdict="excluded" if place is None else "chosen" if place == 0 else "fallback",
        reason=_reason(candidate, plan, reason, tried=place is not None),
        quality=candidate.quality,
        output_tokens=candidate.output_tokens,
        cost_nusd=candidate.cost_nusd,
        latency_s=candidate.latency_s,
        load=candidate.load,
    )


def _reason(candidate: Candidate, plan: Plan, reason: str | None, *, tried: bool) -> str:
    if not candidate.usable:
        stands = candidate.standing.reason
        return f"{stands}; tried because nothing else can serve" if tried else stands
    if not tried and candidate.name not in plan.passed_over:
        return f"{reason or 'in the fallback order'}; more tiers than attempts"
    return reason or "in the fallback order"
