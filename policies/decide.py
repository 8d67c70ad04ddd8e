"""The decision: which tiers a request goes to, in which order, and why. Pure: no clock, no I/O."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from policies.case import Case
from policies.match import CompiledRules, compile_rules
from policies.outcome import Plan, outcome
from policies.schema_policies import Policy, Rule
from policies.types import Cascade, Decision, Facts, Predicted, TierView
from policies.value import Rank, rank, too_slow, wrong_length


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
    cascade = None if drafted is None else Cascade(drafted.accept, drafted.hold_tokens, drafted.method)
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

    predicted: None where the classifier was late, failed or was not asked. views: every tier of the fleet by name.
    The decision's tiers are empty only where no tier could serve the request however long one waits.
    """
    case = Case(facts, predicted, views)
    plan = _plan(policy, case, pinned)
    return outcome(policy_name, plan, case, policy.policy.fallback, policy.on)


def _plan(policy: CompiledPolicy, case: Case, pinned: str | None) -> Plan:
    if pinned is not None:
        return Plan("pinned", (pinned,), {pinned: "pinned by the model name"}, may_fall_back=False)
    if (rule := policy.rules.first(case.facts)) is not None:
        return _by_rule(policy, case, rule)
    known = case.predicted.quality if case.predicted is not None else {}
    if not any(name in known for name in case.usable(policy.policy.route.candidates)):
        return _safe(policy, case)
    return _classified(policy, case)


def _by_rule(policy: CompiledPolicy, case: Case, rule: Rule) -> Plan:
    first = policy.policy.cascade.first if policy.policy.cascade is not None else ""
    drafts = rule.cascade and not _no_draft(policy, case, [name for name in rule.use if name != first])
    wanted = (first, *rule.use) if drafts else rule.use
    reasons = {name: f"rule {rule.name}" for name in wanted}
    if drafts:
        reasons[first] = f"rule {rule.name}: drafts first"
    return Plan(
        rule.name,
        wanted,
        reasons,
        may_fall_back=rule.fallback,
        cascade=policy.cascade if drafts else None,
        priority=rule.priority,
    )


def _safe(policy: CompiledPolicy, case: Case) -> Plan:
    route = policy.policy.route
    why = "no prediction in time" if case.predicted is None else "the classifier rates no usable candidate"
    stronger_first = tuple(reversed(route.candidates))
    reasons = {name: f"{why}: strongest first" for name in stronger_first}
    return Plan("safe", (route.safe, *stronger_first), reasons | {route.safe: f"{why}: the safe tier"})


def _classified(policy: CompiledPolicy, case: Case) -> Plan:
    candidates = policy.policy.route.candidates
    ranking = _Ranking(policy, case, candidates)
    good = ranking.good()
    passed_over = tuple(name for name in candidates if name not in good)
    drafted = policy.policy.cascade
    if drafted is None:
        return Plan("classified", tuple(good), ranking.reasons(good), passed_over)
    then = _Ranking(policy, case, [name for name in drafted.then if name != drafted.first])
    after = then.ordered()
    objection = _no_draft(policy, case, after)
    if objection:
        return Plan(
            "classified", tuple(good), _noted(ranking.reasons(good), drafted.first, objection), passed_over
        )
    reasons = ranking.reasons(good) | then.reasons(after)
    reasons[drafted.first] = f"drafts first; kept at confidence {drafted.accept:g} or more"
    return Plan("cascade", (drafted.first, *after), reasons, candidates, cascade=policy.cascade)


def _noted(reasons: dict[str, str], first: str, objection: str) -> dict[str, str]:
    """The reasons, with why the cascade's first tier does not draft."""
    said = reasons.get(first)
    return {**reasons, first: f"{said}; {objection}" if said else objection}


def _no_draft(policy: CompiledPolicy, case: Case, after: Iterable[str]) -> str:
    """Why the cascade's first tier should not draft this request; empty where it should."""
    drafted = policy.policy.cascade
    if drafted is None or policy.cascade is None:
        return "no draft: the cascade is off"
    following = case.usable(after)
    if not following:
        return "no draft: no tier to go on to"
    if case.standing(drafted.first).kind != "usable":
        return f"no draft: {case.standing(drafted.first).reason}"
    if case.facts.n > 1 or "embeddings" in case.needs:
        return "no draft: one text answer can be judged, no other"
    if "logprobs" not in case.views[drafted.first].needs_met:
        return "no draft: the tier gives no token probabilities"
    return _unprofitable(case, drafted.first, following[0])


def _unprofitable(case: Case, first: str, then: str) -> str:
    """A draft pays when cost(first) + P(rejected) x cost(then) < cost(then), with P(rejected) = 1 - quality(first)."""
    draft, better = case.estimate(first), case.estimate(then)
    if draft.cost_nusd is None or better.cost_nusd is None or draft.quality is None:
        return ""
    expected = draft.cost_nusd + (1.0 - draft.quality) * better.cost_nusd
    if expected < better.cost_nusd:
        return ""
    return (
        f"no draft: it costs {_usd(draft.cost_nusd)} and saves {_usd(draft.quality * better.cost_nusd)} "
        f"of {then} on average"
    )


class _Ranking:
    """Candidates by predicted quality first and expected value second."""

    def __init__(self, policy: CompiledPolicy, case: Case, candidates: Iterable[str]) -> None:
        self.case = case
        self.route = policy.policy.route
        self.candidates = tuple(candidates)
        usable = case.usable(self.candidates)
        self.best = max((case.estimate(name).quality or 0.0 for name in usable), default=0.0)
        self.ranks: dict[str, Rank] = {
            name: rank(case.views[name], case.estimate(name), self.route, place)
            for place, name in enumerate(usable)
        }

    def good(self) -> list[str]:
        """Usable candidates that are good enough, by expected value."""
        return sorted(filter(self._is_good, self.ranks), key=self.ranks.__getitem__)

    def ordered(self) -> list[str]:
        """Good ones, then those of unknown quality, then the rest by quality."""
        rest = [name for name in self.ranks if not self._is_good(name)]
        return [*self.good(), *sorted(rest, key=self._quality_last)]

    def reasons(self, good: list[str]) -> dict[str, str]:
        return {name: self._reason(name, good) for name in self.candidates}

    def _is_good(self, name: str) -> bool:
        quality = self.case.estimate(name).quality
        return quality is not None and quality >= self.route.quality * self.best

    def _quality_last(self, name: str) -> tuple[bool, float]:
        quality = self.case.estimate(name).quality
        return quality is not None, -(quality or 0.0)

    def _reason(self, name: str, good: list[str]) -> str:
        quality = self.case.estimate(name).quality
        if quality is None:
            return "the classifier does not rate it"
        if not self._is_good(name):
            return f"predicted quality {quality:.2f} < {self.route.quality:g} x {self.best:.2f}"
        enough = f"predicted quality {quality:.2f} >= {self.route.quality:g} x {self.best:.2f}"
        return f"{enough}; {self._value(name, good[:1] == [name])}"

    def _value(self, name: str, first: bool) -> str:
        """What decided the place of a tier that is good enough."""
        view, estimated = self.case.views[name], self.case.estimate(name)
        if wrong_length(view, estimated, self.route):
            return f"kept for {view.output} answers, {estimated.output_tokens:.0f} tokens predicted"
        if too_slow(estimated, self.route):
            return f"predicted latency {estimated.latency_s:.1f} s > {self.route.max_latency_s:g} s"
        if estimated.cost_nusd is None:
            return "price unknown, so after known prices"
        cost = f"{_usd(estimated.cost_nusd)} predicted"
        if estimated.weighted_cost_nusd != estimated.cost_nusd:
            cost += f", counted as {_usd(estimated.weighted_cost_nusd or 0.0)} at {estimated.load or 0.0:.0%} load"
        return f"best expected value: {cost}" if first else cost


def _usd(nusd: float) -> str:
    return f"{nusd / 1e9:.7f} USD"
