"""Deciding again: a recorded request under another configuration, and what that would have come to."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal

from policies.decide import compile_policy, decide
from policies.schema import Config
from policies.types import Cascade, Decision, Predicted, TierView
from router.money import cost_nusd
from router.prices.book import PriceBook
from router.replay.latency import Latency
from router.replay.recorded import Recorded, seen
from router.snapshot import Rates

Skipped = Literal[
    "answered from the cache", "not answered", "recorded without its decision", "no such model", "nothing may serve it",
    "no prediction was recorded",
]  # fmt: skip


@dataclass(frozen=True, slots=True)
class Figures:
    """What one request came to, or would have. quality: predicted, of the tier that answers; cost_nusd and
    latency_s: paid and measured, or expected; None where unknown. tiers: answering tier to the probability of it.
    """

    tiers: Mapping[str, float]
    cost_nusd: float | None
    quality: float | None
    latency_s: float | None


@dataclass(frozen=True, slots=True)
class Again:
    """One request, before and after. moved: whether the decision differs in where it would be answered."""

    record: Recorded
    decision: Decision
    moved: bool
    before: Figures
    after: Figures


class Replayer:
    """Decides recorded requests again under a configuration; deterministic, calls nothing.

    prices: of that configuration. latencies: tier to what was measured, for requests that move.
    """

    def __init__(self, config: Config, prices: PriceBook, latencies: Mapping[str, Latency]) -> None:
        self._config = config
        self._prices = prices
        self._latencies = latencies
        self._policies = {name: compile_policy(policy) for name, policy in config.policies.items()}
        self._idle = {name: _view(config, prices, name) for name in config.tiers}

    def again(self, record: Recorded) -> Again | Skipped:
        """The request under this configuration, or why that cannot be told."""
        why_not = self._unfit(record)
        if why_not is not None:
            return why_not
        model = self._config.models[record.client_model]
        name = model.policy or "default"
        policy = self._policies[name]
        if record.predicted is None and policy.consults_classifier(record.facts, model.tier) and record.name != "safe":
            return "no prediction was recorded"
        decision = decide(name, policy, record.facts, self._rated(record), self._fleet(record), pinned=model.tier)
        if not decision.tiers:
            return "nothing may serve it"
        return self._compared(record, decision)

    def _unfit(self, record: Recorded) -> Skipped | None:
        if record.cache in ("hit", "semantic"):
            return "answered from the cache"
        if record.status != 200:
            return "not answered"
        if not record.decided:
            return "recorded without its decision"
        return None if record.client_model in self._config.models else "no such model"

    def _rated(self, record: Recorded) -> Predicted | None:
        """The prediction under this configuration's names: a tier's own, or the one that it is rated as."""
        predicted = record.predicted
        if predicted is None:
            return None
        known = predicted.quality
        if known.keys() == self._idle.keys():
            return predicted
        quality = {
            name: known[said]
            for name, tier in self._config.tiers.items()
            if (said := name if name in known else tier.rated_as) in known
        }
        return replace(predicted, quality=quality)

    def _fleet(self, record: Recorded) -> dict[str, TierView]:
        fleet = record.fleet
        return {name: seen(view, fleet[name]) if name in fleet else view for name, view in self._idle.items()}

    def _compared(self, record: Recorded, decision: Decision) -> Again:
        quality = record.predicted.quality.get(record.tier) if record.predicted else None
        before = Figures({record.tier: 1.0}, record.cost_nusd, quality, record.seconds)
        if _stays(record, decision):
            return Again(record, decision, moved=False, before=before, after=before)
        return Again(record, decision, moved=True, before=before, after=self._expected(record, decision))

    def _expected(self, record: Recorded, decision: Decision) -> Figures:
        """Of a request that moves: the same tokens on its new way."""
        first, cascade = decision.tiers[0], decision.cascade
        if cascade is None:
            return self._answering(record, decision, first)
        kept = decision.predicted.quality.get(first) if decision.predicted else None
        if kept is None:
            return Figures({first: 1.0}, None, None, None)
        return self._drafting(record, decision, cascade, kept)

    def _drafting(self, record: Recorded, decision: Decision, cascade: Cascade, kept: float) -> Figures:
        """A draft is taken to be kept as often as its tier's answers are predicted to be good."""
        first, then = decision.tiers[0], decision.tiers[1 if len(decision.tiers) > 1 else 0]
        whole, other = self._answering(record, decision, first), self._answering(record, decision, then)
        held = min(cascade.hold_tokens, record.output_tokens)
        thrown_away = Figures({}, self._cost(first, record, held), 0.0, self._latency(first, held))
        tiers = {first: kept, then: (1 - kept)} if first != then else {first: 1.0}
        sums = (
            _mixed(kept, a, _plus(b, c))
            for a, b, c in (
                (whole.cost_nusd, other.cost_nusd, thrown_away.cost_nusd),
                (whole.quality, other.quality, 0.0),
                (whole.latency_s, other.latency_s, thrown_away.latency_s),
            )
        )
        return Figures(tiers, *sums)

    def _answering(self, record: Recorded, decision: Decision, tier: str) -> Figures:
        quality = decision.predicted.quality.get(tier) if decision.predicted else None
        tokens = record.output_tokens
        return Figures({tier: 1.0}, self._cost(tier, record, tokens), quality, self._latency(tier, tokens))

    def _cost(self, tier: str, record: Recorded, output_tokens: int) -> int | None:
        """At this configuration's prices, nothing of the prompt cached: another replica has not seen it."""
        return cost_nusd(
            self._prices.price(tier), input_tokens=record.input_tokens + record.cached_input_tokens,
            cached_input_tokens=0, output_tokens=output_tokens,
            reasoning_tokens=min(record.reasoning_tokens, output_tokens),
        )  # fmt: skip

    def _latency(self, tier: str, tokens: int) -> float | None:
        known = self._latencies.get(tier)
        return None if known is None else known.seconds(tokens)


def _stays(record: Recorded, decision: Decision) -> bool:
    """Whether it would be answered where it was: the same first tier, and the same fate of its draft."""
    accept = decision.cascade.accept if decision.cascade else None
    if decision.tiers[0] != record.decided[0] or (accept is None) != (record.accept is None):
        return False
    if accept is None or record.accept is None or accept == record.accept:
        return True
    return (accept < record.accept) == record.kept  # easier to keep and was kept, or harder and was not


def _view(config: Config, prices: PriceBook, name: str) -> TierView:
    tier, rates = config.tiers[name], Rates.of(prices.price(name))
    return TierView(
        name=name, context=tier.context, needs_met=frozenset(tier.capabilities), state="up", input_nusd=rates.input,
        cached_input_nusd=rates.cached_input, output_nusd=rates.output, output=tier.output,
    )  # fmt: skip


def _mixed(share: float, one: float | None, other: float | None) -> float | None:
    return None if one is None or other is None else share * one + (1 - share) * other


def _plus(one: float | None, other: float | None) -> float | None:
    return None if one is None or other is None else one + other
