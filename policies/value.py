"""The expected value of a tier for one request: predicted cost, latency, load and fitness for the answer's length."""

from dataclasses import dataclass

from policies.schema_policies import Route
from policies.types import Facts, Predicted, TierView

BUSY_SHARE = 0.8
BUSY_SLOPE = 5.0
UNKNOWN_LOAD = 0.5  # in ties only: neither idle nor busy

Rank = tuple[bool, bool, bool, float, float, float, int]


@dataclass(frozen=True, slots=True)
class Estimate:
    """What one tier would need for one request; None where it is not known.

    output_tokens: predicted median, cut at the caller's limit. load: requests under way by capacity.
    """

    quality: float | None
    output_tokens: float | None
    cost_nusd: float | None
    latency_s: float | None
    load: float | None

    @property
    def weighted_cost_nusd(self) -> float | None:
        """The cost, dearer for a busy tier: the same up to 80 % load, twice as much at 100 %."""
        if self.cost_nusd is None or self.load is None or self.load <= BUSY_SHARE:
            return self.cost_nusd
        return self.cost_nusd * (1.0 + BUSY_SLOPE * (self.load - BUSY_SHARE))


def estimate(view: TierView, facts: Facts, predicted: Predicted | None) -> Estimate:
    load = view.inflight / view.capacity if view.capacity > 0 else None
    if predicted is None:
        return Estimate(None, None, None, None, load)
    output = predicted.output_p50 if facts.max_tokens is None else min(predicted.output_p50, facts.max_tokens)
    return Estimate(
        quality=predicted.quality.get(view.name),
        output_tokens=output,
        cost_nusd=_cost_nusd(view, facts, output),
        latency_s=_latency_s(view, output),
        load=load,
    )


def rank(view: TierView, estimated: Estimate, route: Route, place: int) -> Rank:
    """Smaller is better: fit for the length, in time, priced, cheap, idle, good; then the file's order."""
    cost = estimated.weighted_cost_nusd
    return (
        wrong_length(view, estimated, route),
        too_slow(estimated, route),
        cost is None,
        cost or 0.0,
        UNKNOWN_LOAD if estimated.load is None else estimated.load,
        -(estimated.quality or 0.0),
        place,
    )


def wrong_length(view: TierView, estimated: Estimate, route: Route) -> bool:
    """Whether the tier is kept for answers of the other length."""
    if view.output == "any" or estimated.output_tokens is None:
        return False
    return (view.output == "short") != (estimated.output_tokens < route.short_output_tokens)


def too_slow(estimated: Estimate, route: Route) -> bool:
    limit = route.max_latency_s
    return limit is not None and estimated.latency_s is not None and estimated.latency_s > limit


def _cost_nusd(view: TierView, facts: Facts, output_tokens: float) -> float | None:
    if view.input_nusd is None or view.output_nusd is None:
        return None
    return view.input_nusd * facts.prompt_tokens + view.output_nusd * output_tokens * facts.n


def _latency_s(view: TierView, output_tokens: float) -> float | None:
    if view.ttft_s is None or view.inter_token_s is None:
        return None
    return view.ttft_s + view.inter_token_s * output_tokens
