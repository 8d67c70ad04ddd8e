"""Look up: an answer given before to the same request, and keeping the ones worth keeping."""

from router.cache.exact import Entry, ExactCache
from router.cache.key import cacheable, key, storable
from router.dispatch import Served
from router.request import Request
from router.wire.whole import Answered


def look_up(cache: ExactCache, request: Request) -> tuple[Entry | None, str, bytes | None]:
    """(the entry, what `x-tiergate-cache` says, the key to keep the answer under or None)."""
    policy = request.snapshot.config.policies[request.policy].cache
    if not policy.exact or request.cache_mode == "off" or not cacheable(request.body):
        return None, "off", None
    place = key(_scope(request, policy.scope), request.path, request.policy, request.body)
    if request.cache_mode == "refresh":
        return None, "miss", place
    entry = cache.get(place)
    return entry, "hit" if entry else "miss", place


def keep(
    cache: ExactCache, request: Request, place: bytes | None, served: Served, answered: Answered, decision: str
) -> None:
    """Keep a whole answer that is worth keeping. decision: its name, for the headers of later hits."""
    if place is None or not storable(answered.data):
        return
    settled = served.attempt.settlement
    entry = Entry(
        body=answered.raw,
        tier=served.attempt.tier.name,
        model=served.model,
        usage=served.attempt.usage,
        cost_nusd=settled.cost_nusd if settled else None,
        team=request.principal.team,
        decision=decision,
    )
    cache.put(place, entry, ttl_s=request.snapshot.config.policies[request.policy].cache.ttl_s)


def _scope(request: Request, scope: str) -> str:
    """Whose answers may be reused; the prefix keeps a team named like a key apart from that key."""
    if scope == "all":
        return "all"
    if scope == "key":
        return f"key:{request.principal.key_id}"
    return f"team:{request.principal.team}"
