"""Refusals: what a caller is told whose budget is spent or whose rate is too high.

Nothing stands in them but the caller's own scope: no amount, and nobody else's name.
"""

import math
from collections.abc import Mapping
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from router.errors import NO_RETRY, ApiError
from router.limits.gcra import Rate
from router.limits.meters import Meter
from router.limits.rules import Scope

_EACH = {"day": "daily", "week": "weekly", "month": "monthly"}


class OverBudget(ApiError):
    """A budget does not hold what an attempt may cost; a cheaper candidate may still fit. meter: the budget's."""

    def __init__(self, meter: Meter, message: str) -> None:
        kind = "insufficient_quota"
        super().__init__(429, message, type=kind, code="insufficient_quota", headers=NO_RETRY)
        self.meter = meter


def over_budget(meter: Meter, failed: str = "") -> OverBudget:
    """429 `insufficient_quota`; trying again before the period's end cannot help. failed: tiers that were tried."""
    zone = UTC if meter.timezone == "UTC" else ZoneInfo(meter.timezone)
    ends = datetime.fromtimestamp(meter.span.ends_ns // 1_000_000_000, zone).isoformat()
    told = f"The {_EACH[meter.period]} budget of {meter.scope} does not hold this request; it begins anew at {ends}."
    return OverBudget(meter, f"{told} What it holds failed: {failed}" if failed else told)


def too_fast(scope: Scope, what: str, limit: int, rate: Rate, headers: Mapping[str, str]) -> ApiError:
    """429 `rate_limit_exceeded`. what: requests or tokens."""
    wait_s = max(1, math.ceil(rate.wait_us / 1_000_000))
    return ApiError(
        429,
        f"Rate limit of {scope} reached: {limit} {what} a minute. Try again in {wait_s} s.",
        type=what,
        code="rate_limit_exceeded",
        headers={"retry-after": str(wait_s), **headers},
    )


def too_large(scope: Scope, cost: int, limit: int, headers: Mapping[str, str]) -> ApiError:
    """429 `rate_limit_exceeded` for a request that a whole minute's tokens would not hold."""
    return ApiError(
        429,
        f"This request counts {cost} tokens, and {scope} may use {limit} tokens a minute: it can never pass. "
        "Shorten the prompt, or ask for fewer tokens.",
        type="tokens",
        code="rate_limit_exceeded",
        headers={**NO_RETRY, **headers},
    )


def uncounted() -> ApiError:
    """503: budgets or limits are closed while Redis cannot be reached."""
    return ApiError(
        503,
        "Budgets and limits cannot be checked now; try again soon.",
        type="server_error",
        code="limits_unavailable",
        headers={"retry-after": "1"},
    )
