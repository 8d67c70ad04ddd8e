"""`/admin/*`: reload, tiers, drain; for keys with the admin role."""

from functools import partial
from typing import Any

from fastapi import APIRouter, Request

from classifier.errors import ArtifactError
from policies.problems import ConfigError
from router.admission import identify
from router.api.wire import headers_of
from router.dashboard.viewer import check_browser
from router.errors import ApiError, bad_request, forbidden
from router.services import Services
from tiers.pool import Replica, Tier


def routes(services: Services) -> APIRouter:
    router = APIRouter(prefix="/admin")

    only_admin = partial(_only_admin, services)

    @router.post("/reload")
    async def reload(request: Request) -> dict[str, Any]:
        only_admin(request)
        try:
            snapshot = await services.reloader.reload()
        except (ConfigError, ArtifactError) as error:
            raise ApiError(400, f"The configuration was refused, the last good one serves on. {error}") from error
        return {"generation": snapshot.generation}

    @router.get("/tiers")
    async def tiers(request: Request) -> dict[str, Any]:
        only_admin(request)
        return {"tiers": tier_states(services)}

    @router.post("/replicas/{tier}/{replica:path}/{action}")
    async def drain(tier: str, replica: str, action: str, request: Request) -> dict[str, Any]:
        only_admin(request)
        if action not in ("drain", "undrain", "interrupt"):
            raise bad_request(f"Unknown action: found '{action[:40]}', allowed: drain, undrain, interrupt.")
        pool = services.snapshot.tiers.get(tier)
        if pool is None:
            known = ", ".join(services.snapshot.tiers)
            raise ApiError(404, f"There is no tier '{tier[:80]}'; there are: {known}.", code="not_found")
        try:
            {"drain": pool.drain, "undrain": pool.undrain, "interrupt": pool.interrupt}[action](replica)
        except KeyError as error:
            raise ApiError(404, str(error.args[0]), code="not_found") from None
        return {"tiers": tier_states(services)}

    return router


def tier_states(services: Services) -> list[dict[str, Any]]:
    """One entry a replica; what an engine does not report is null. queued: waiting in Tiergate, of the whole tier."""
    return [_replica_state(tier, replica) for tier in services.snapshot.tiers.values() for replica in tier.replicas]


def _replica_state(tier: Tier, replica: Replica) -> dict[str, Any]:
    load = replica.load
    why = replica.error or replica.slow
    return {
        "tier": tier.name, "engine": tier.spec.engine, "model": tier.spec.model, "replica": replica.name,
        "class": replica.spec.kind, "region": replica.spec.region,
        "state": replica.state, "up": replica.up, "draining": replica.draining, "interrupted": replica.interrupted,
        "breaker": replica.breaker.state,
        "ejected_for_s": replica.breaker.opens_in_s if replica.breaker.state == "open" else None,
        "inflight": replica.inflight, "inflight_tokens": replica.tokens, "queued": tier.queued,
        "running": load.running if load else None,
        "waiting": load.waiting if load else None,
        "kv_cache": load.kv_cache if load else None,
        "error": str(why) if why else None,
    }  # fmt: skip


def _only_admin(services: Services, request: Request) -> None:
    """Also without keys the gateway listens on loopback only, so whoever asks may; another site's page may not."""
    headers = headers_of(request.scope)
    if services.snapshot.config.server.auth == "none":
        check_browser(headers)
    if identify(services.keys, services.snapshot, headers).role != "admin":
        raise forbidden("This needs a key with the role 'admin'.")
