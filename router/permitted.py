"""Permitted: the fleet as one caller may use it."""

from collections.abc import Mapping
from dataclasses import replace

from policies.types import Predicted, TierView
from router.limits.allowance import Allowance
from router.request import Request

NOT_THIS_KEY = "this key may not use it"


def permitted(
    request: Request, predicted: Predicted | None, fleet: Mapping[str, TierView], allowance: Allowance | None
) -> Mapping[str, TierView]:
    """The tiers, barred where the caller's key or budgets do not let it use them. allowance: None without budgets."""
    tiers = request.principal.tiers
    if tiers:
        fleet = {name: view if name in tiers else replace(view, barred=NOT_THIS_KEY) for name, view in fleet.items()}
    if allowance is None:
        return fleet
    return allowance.restrict(fleet, request.facts, predicted, request.snapshot.prices)
