"""The outcome: from the tiers that are wanted to those that are tried, with a reason for each."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Literal

from policies.case import Case
from policies.schema_policies import Fallback
from policies.types import Cascade, Considered, Decision

STATE_ORDER = {"up": 0, "full": 1, "down": 2}


@dataclass(frozen=True, slots=True)
class Plan:
    """What was decided before anything fails.

    name: what `x-tiergate-decision` says. wanted: tiers, best first. reasons: why each stands where it does.
    passed_over: candidates that are not wanted. may_fall_back: whether the policy's fallback order follows.
    """

    name: str
    wanted: tuple[str, ...]
    reasons: Mapping[str, str] = field(default_factory=dict)
    passed_over: tuple[str, ...] = ()
    may_fall_back: bool = True
    cascade: Cascade | None = None
    priority: Literal["low", "normal", "high"] = "normal"


def outcome(policy_name: str, plan: Plan, case: Case, fallback: Fallback, on: frozenset[str]) -> Decision:
    """The decision: wanted tiers that can serve, then the fallback order, at most as many as there are attempts."""
    possible = _unique((*plan.wanted, *(fallback.order if plan.may_fall_back else ())))
    tried = (case.usable(possible) or _last_resorts(possible, case))[: fallback.attempts]
    named = _unique((*tried, *possible, *plan.passed_over))
    drafts = plan.cascade is not None and tried[:1] == [plan.wanted[0]] and len(tried) > 1
    return Decision(
        tiers=tuple(tried),
        name=plan.name,
        policy=policy_name,
        considered=tuple(_considered(name, tried, plan, case) for name in named),
        cascade=plan.cascade if drafts else None,
        attempts=fallback.attempts,
        on=on,
        priority=plan.priority,
        predicted=case.predicted,
    )


def _last_resorts(names: Iterable[str], case: Case) -> list[str]:
    """Tiers that may yet serve where none is usable, so that an attempt says the real error; likeliest first."""
    able = [name for name in names if case.standing(name).kind == "last_resort"]
    return sorted(able, key=lambda name: (STATE_ORDER[case.views[name].state], -_room(name, case)))


def _room(name: str, case: Case) -> int:
    """Tokens of context, where the predicted answer may not fit; otherwise the order stays as it is."""
    view = case.views[name]
    return view.context if view.state == "up" else 0


def _considered(name: str, tried: list[str], plan: Plan, case: Case) -> Considered:
    standing, estimated = case.standing(name), case.estimate(name)
    reason = plan.reasons.get(name, "in the fallback order")
    if standing.kind != "usable":
        reason = (
            f"{standing.reason}; tried because nothing else can serve" if name in tried else standing.reason
        )
    elif name not in tried and name not in plan.passed_over:
        reason = f"{reason}; beyond {len(tried)} attempts"
    return Considered(
        tier=name,
        verdict="chosen" if tried[:1] == [name] else "fallback" if name in tried else "excluded",
        reason=reason,
        quality=estimated.quality,
        output_tokens=estimated.output_tokens,
        cost_nusd=estimated.cost_nusd,
        latency_s=estimated.latency_s,
        load=estimated.load,
    )


def _unique(names: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(names))
