"""The tiers as a decision sees them, now."""

from collections.abc import Mapping
from dataclasses import replace

from policies.types import TierView
from router.snapshot import Snapshot


def views(snapshot: Snapshot) -> Mapping[str, TierView]:
    """One view for each tier: what it can do and costs (fixed with the snapshot), and how it is doing (live)."""
    return {name: _view(snapshot, name) for name in snapshot.tiers}


def idle_views(snapshot: Snapshot) -> Mapping[str, TierView]:
    """As if every tier were up and nothing ran: for a decision about a fleet that is not being called."""
    return {name: replace(view, state="up") for name, view in views(snapshot).items()}


def _view(snapshot: Snapshot, name: str) -> TierView:
    tier = snapshot.tiers[name]
    rates = snapshot.rates[name]
    state, inflight, capacity = tier.glance()
    return TierView(
        name=name,
        context=tier.spec.context,
        needs_met=tier.spec.capabilities,
        state=state,
        input_nusd=rates.input,
        cached_input_nusd=rates.cached_input,
        output_nusd=rates.output,
        inflight=inflight,
        capacity=capacity,
        ttft_s=tier.ttft_s,
        inter_token_s=tier.inter_token_s,
        output=snapshot.config.tiers[name].output,
    )
