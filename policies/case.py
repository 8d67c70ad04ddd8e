"""A case: one request before one policy, with each tier judged once."""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from policies.limits import Standing, needs, standing
from policies.types import Facts, Predicted, TierView

BUSY_SHARE = 0.8
BUSY_SLOPE = 5.0


class Candidate(NamedTuple):
    """A tier as one request sees it; predicted figures are None where nothing is known.

    output_tokens: predicted median, cut at the caller's limit. cost_nusd: for prompt and answer.
    value_nusd: the cost, weighted by load. latency_s: to the whole answer. load: requests by capacity.
    """

    name: str
    view: TierView | None
    standing: Standing
    usable: bool
    quality: float | None = None
    output_tokens: float | None = None
    cost_nusd: float | None = None
    value_nusd: float | None = None
    latency_s: float | None = None
    load: float | None = None


class Case:
    """The facts, the prediction and the fleet; a tier is judged when it is first asked for."""

    def __init__(self, facts: Facts, predicted: Predicted | None, views: Mapping[str, TierView]) -> None:
        self.facts = facts
        self.predicted = predicted
        self.needs = needs(facts)
        self.views = views
        self._judged: dict[str, Candidate] = {}

    def candidate(self, name: str) -> Candidate:
        judged = self._judged.get(name)
        if judged is None:
            judged = self._judged[name] = self._judge(name)
        return judged

    def candidates(self, names: Iterable[str]) -> list[Candidate]:
        return [self.candidate(name) for name in names]

    def _judge(self, name: str) -> Candidate:
        view = self.views.get(name)
        stands = standing(view, self.facts, self.needs, self.predicted)
        usable = stands.kind == "usable"
        if view is None:
            return Candidate(name, view, stands, usable)
        load = view.inflight / view.capacity if view.capacity > 0 else None
        if self.predicted is None:
            return Candidate(name, view, stands, usable, load=load)
        output_tokens = self.predicted.output_p50
        if self.facts.max_tokens is not None:
            output_tokens = min(output_tokens, self.facts.max_tokens)
        cost = _cost_nusd(view, self.facts, output_tokens)
        value = cost if cost is None else cost * busyness(load)
        latency = _latency_s(view, output_tokens)
        quality = self.predicted.quality.get(name)
        return Candidate(name, view, stands, usable, quality, output_tokens, cost, value, latency, load)


def busyness(load: float | None) -> float:
    """How much dearer a busy tier counts: 1 up to 80 % load (and where load is unknown), 2 at 100 %."""
    return 1.0 if load is None or load <= BUSY_SHARE else 1.0 + BUSY_SLOPE * (load - BUSY_SHARE)


def _cost_nusd(view: TierView, facts: Facts, output_tokens: float) -> float | None:
    if view.input_nusd is None or view.output_nusd is None:
        return None
    return view.input_nusd * facts.prompt_tokens + view.output_nusd * output_tokens * facts.n


def _latency_s(view: TierView, output_tokens: float) -> float | None:
    if view.ttft_s is None or view.inter_token_s is None:
        return None
    return view.ttft_s + view.inter_token_s * output_tokens
