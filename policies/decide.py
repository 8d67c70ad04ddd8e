"""The decision: which tiers a request goes to, in which order, and why. Pure: no clock, no I/O."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace

from policies.case import Candidate, Case
from policies.match import CompiledRules, compile_rules
from policies.outcome import Plan, outcome
from policies.ranking import Ranking, usd
from policies.schema_policies import Cascade as CascadeSettings
from policies.schema_policies import Policy, Rule
from policies.types import Cascade, Decision, Facts, Predicted, TierView


@dataclass(frozen=True, slots=True)
class CompiledPolicy:
    """A policy that the loader has completed, ready to decide with."""

    policy: Policy
    rules: CompiledRules
    cascade: Cascade | None
    on: frozenset[str]

    def consults_classifier(self, facts: Facts, pinned: str | None = None) -> bool:
        """Whether a prediction could change the decision: nothing is pinned, and no rule applies."""
        return pinned is None and self.rules.first(facts) is None


def compile_policy(policy: Policy) -> CompiledPolicy:
    drafted = policy.cascade if policy.cascade is not None and policy.cascade.enabled else None
    cascade = (
        None
        if drafted is None
        else Cascade(drafted.accept, drafted.hold_tokens, drafted.method, drafts=(drafted.first,))
    )
    return CompiledPolicy(policy, compile_rules(policy), cascade, frozenset(policy.fallback.on))


def decide(
    policy_name: str,
    policy: CompiledPolicy,
    facts: Facts,
    predicted: Predicted | None,
    views: Mapping[str, TierView],
    *,
    pinned: str | None = None,
) -> Decision:
    """A pinned tier, else the first rule, else the cascade or the route by prediction, else the safe tier.

    predicted: None where the classifier was late, failed or was not asked. views: every tier of the fleet.
    The decision's tiers are empty only where no tier could serve the request however long one waits.
    """
    case = Case(facts, predicted, views)
    plan = _plan(policy, case, pinned)
    return outcome(policy_name, plan, case, policy.policy.fallback, policy.on)


def _plan(policy: CompiledPolicy, case: Case, pinned: str | None) -> Plan:
    if pinned is not None:
        return Plan("pinned", (pinned,), lambda: {pinned: "pinned by the model name"}, may_fall_back=False)
    rule = policy.rules.first(case.facts)
    if rule is not None:
        return _by_rule(policy, case, rule)
    candidates = case.candidates(policy.policy.route.candidates)
    if not any(candidate.usable and candidate.quality is not None for candidate in candidates):
        return _safe(policy, case)
    return _classified(policy, case, candidates)


def _by_rule(policy: CompiledPolicy, case: Case, rule: Rule) -> Plan:
    drafted = policy.policy.cascade

    def reasons() -> dict[str, str]:
        return dict.fromkeys(rule.use, f"rule {rule.name}")

    if not rule.cascade or drafted is None or _objection(policy, case, drafted.first, case.candidates(rule.use)):
        return Plan(rule.name, rule.use, reasons, may_fall_back=rule.fallback, priority=rule.priority)

    def also_drafting() -> dict[str, str]:
        return reasons() | {drafted.first: f"rule {rule.name}; {_drafts(drafted, learned=_learned(case))}"}

    wanted = (drafted.first, *rule.use)
    return Plan(rule.name, wanted, also_drafting, (), rule.fallback, policy.cascade, rule.priority)


def _safe(policy: CompiledPolicy, case: Case) -> Plan:
    route = policy.policy.route
    strongest_first = tuple(reversed(route.candidates))

    def reasons() -> dict[str, str]:
        why = "no prediction" if case.predicted is None else "no usable candidate is rated by the classifier"
        return dict.fromkeys(strongest_first, f"{why}: strongest first") | {route.safe: f"{why}: the safe tier"}

    return Plan("safe", (route.safe, *strongest_first), reasons)


def _classified(policy: CompiledPolicy, case: Case, candidates: list[Candidate]) -> Plan:
    drafted = policy.policy.cascade
    if drafted is None:
        return _routed(policy, candidates)
    after = Ranking(case.candidates(name for name in drafted.then if name != drafted.first), policy.policy.route)
    objection = _objection(policy, case, drafted.first, after.ordered())
    drafts = () if objection else (drafted.first,)
    for name in drafted.through:
        behind = Ranking([each for each in after.candidates if each.name != name], policy.policy.route)
        if not _objection(policy, case, name, behind.ordered()):
            drafts, after = (*drafts, name), behind
    if policy.cascade is None or not drafts:
        return _routed(policy, candidates, first=drafted.first, objection=objection)
    names = policy.policy.route.candidates

    def reasons() -> dict[str, str]:
        told = dict.fromkeys(names, "not part of the cascade") | {drafted.first: objection} | after.reasons()
        return told | dict.fromkeys(drafts, _drafts(drafted, learned=_learned(case)))

    wanted = (*drafts, *(candidate.name for candidate in after.ordered()))
    return Plan("cascade", wanted, reasons, names, cascade=replace(policy.cascade, drafts=drafts))


def _routed(policy: CompiledPolicy, candidates: list[Candidate], *, first: str = "", objection: str = "") -> Plan:
    """The best expected value; `objection` says why `first` does not draft."""
    ranking = Ranking(candidates, policy.policy.route)

    def reasons() -> dict[str, str]:
        told = ranking.reasons()
        return told | {first: f"{told[first]}; {objection}"} if first in told else told

    wanted = tuple(candidate.name for candidate in ranking.good)
    return Plan("classified", wanted, reasons, policy.policy.route.candidates)


def _drafts(drafted: CascadeSettings, *, learned: bool) -> str:
    if learned:
        return f"drafts, kept unless going on gains {1 - drafted.accept:.2g} right answers for a typical answer's cost"
    return f"drafts first, kept when {drafted.accept:g} as sure as the tiers behind it are good"


def _objection(policy: CompiledPolicy, case: Case, name: str, after: list[Candidate]) -> str:
    """Why the tier should not draft this request for those after it; empty where it should."""
    drafted = policy.policy.cascade
    if drafted is None or policy.cascade is None:
        return "no draft: the cascade is off"
    first = case.candidate(name)
    following = next((candidate for candidate in after if candidate.usable and candidate is not first), None)
    if following is None:
        return "no draft: no tier to go on to"
    if _learned(case):
        return _unable(case, first) or _unprofitable(first, following, _chance_kept(first, after))
    hopeless = _hopeless(drafted.accept, first, after)
    return _unable(case, first) or hopeless or _unprofitable(first, following, first.quality)


def _unable(case: Case, first: Candidate) -> str:
    """Why the tier's answer could not be judged; empty where it could."""
    if first.view is None or not first.usable:
        return f"no draft: {first.standing.reason}"
    if case.facts.n > 1 or "embeddings" in case.needs:
        return "no draft: only one answer in text can be judged"
    if "logprobs" not in first.view.needs_met:
        return "no draft: the tier gives no token probabilities"
    return ""


def _learned(case: Case) -> bool:
    """Whether the classifier has learned to judge drafts."""
    return case.predicted is not None and case.predicted.typical_tokens is not None


def _hopeless(accept: float, first: Candidate, after: list[Candidate]) -> str:
    """A draft whose tokens were all certain would still be thrown away: see `Cascade.accepts`."""
    behind = [candidate.quality for candidate in after if candidate.quality is not None]
    if first.quality is None or not behind:
        return ""
    needed = accept * max(behind)
    if math.sqrt(first.quality) >= needed:
        return ""
    return f"no draft: predicted quality {first.quality:.2f} is too low for any draft to be kept"


def _chance_kept(first: Candidate, after: list[Candidate]) -> float | None:
    """P(the draft is kept) under the learned rule: the third power of its share of the best quality behind it.

    Measured on the toys' outcomes, both drafting tiers: 0.3 at a share of 0.65, 0.5 at 0.75, 0.6 at 0.85, 0.8 at 0.95.
    """
    best = max((candidate.quality or 0.0 for candidate in after), default=0.0)
    if first.quality is None or best <= 0.0:
        return None
    return float(min(1.0, first.quality / best) ** 3)


def _unprofitable(first: Candidate, following: Candidate, kept: float | None) -> str:
    """A draft pays when cost(first) + P(rejected) x cost(next) < cost(next): when it costs less than it saves.

    kept: P(kept), None where it is unknown. The saving expected is P(kept) x cost(next).
    """
    if first.cost_nusd is None or following.cost_nusd is None or kept is None:
        return ""
    saved = kept * following.cost_nusd
    if first.cost_nusd < saved:
        return ""
    return f"no draft: it costs {usd(first.cost_nusd)} and saves {usd(saved)} of {following.name} on average"
