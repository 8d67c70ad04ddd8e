"""The way of a request: admit, look up, assess, decide, attempt, account."""

from collections.abc import Mapping

from policies.decide import decide
from policies.types import Decision, Predicted, TierView
from router.account import Account
from router.admission import admit, identify
from router.assess import assess
from router.attempts import Walk
from router.deliver import Answer, from_cache, streamed, whole
from router.errors import ApiError, context_too_long, forbidden, no_candidate, unavailable
from router.limits.allowance import Allowance
from router.lookup import look_up
from router.permitted import permitted
from router.request import Arrival, Request
from router.services import Services
from router.views import views


async def answer(services: Services, arrival: Arrival) -> Answer:
    """Answer one request on the configuration that it arrived under.

    Raises ApiError with the headers known so far. Whatever happens, the ledger gets one row for the request and one
    for every attempt.
    """
    snapshot = services.snapshot
    request = admit(snapshot, identify(services.keys, snapshot, arrival.headers), arrival)
    account = Account(services.bus, request)
    try:
        allowance = account.tried.allowance = await services.limits.admit(request)
        account.hit, account.cache, cache_key = look_up(services.cache, request)
        if account.hit is not None:
            return from_cache(services, account, request, account.hit)
        predicted = assess(services, request)
        account.decision = choose(request, predicted, views(snapshot), allowance)
        walk = Walk(services.bus, services.waiting, request, account.decision, account.tried)
        account.served = await walk.serve()
        if account.served.incoming is not None:
            return streamed(services, account, request, walk, account.served, cache_key)
        return whole(services, account, request, account.served, cache_key)
    except BaseException as error:
        account.failed(error)
        if isinstance(error, ApiError):
            error.headers = {**account.headers, **error.headers}
        raise


def choose(
    request: Request, predicted: Predicted | None, fleet: Mapping[str, TierView], allowance: Allowance | None = None
) -> Decision:
    """The decision, from facts, predictions, what the tiers are doing and what the caller may still spend.

    Raises ApiError where no tier may serve.
    """
    policy = request.snapshot.policies[request.policy]
    candidates = permitted(request, predicted, fleet, allowance)
    decision = decide(request.policy, policy, request.facts, predicted, candidates, pinned=request.pinned)
    if not decision.tiers and allowance is not None and request.pinned is None:
        candidates = allowance.relax(candidates, [c.tier for c in decision.considered])
        decision = decide(request.policy, policy, request.facts, predicted, candidates)
    if not decision.tiers:
        over_budget = allowance and allowance.refusal(c.tier for c in decision.considered)
        raise over_budget or _refusal(decision, candidates)
    return decision


def _refusal(decision: Decision, candidates: Mapping[str, TierView]) -> ApiError:
    reasons = tuple(f"{c.tier}: {c.reason}" for c in decision.considered)
    if reasons and all("context" in reason for reason in reasons):
        return context_too_long("The request does not fit any tier's context: " + "; ".join(reasons))
    if reasons and all(candidates[c.tier].barred for c in decision.considered):
        return forbidden("This key may not use the tiers that could serve this: " + "; ".join(reasons))
    if any(candidates[c.tier].state == "draining" for c in decision.considered):
        return unavailable(reasons)
    return no_candidate(reasons)
