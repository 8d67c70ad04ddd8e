"""Health and metrics."""

from fastapi import APIRouter, Response
from fastapi.responses import JSONResponse

from router.observe.metrics import CONTENT_TYPE
from router.services import Services


def routes(services: Services) -> APIRouter:
    router = APIRouter()

    @router.get("/health/live")
    async def live() -> dict[str, str]:
        return {"status": "live"}

    @router.get("/health/ready")
    async def ready() -> Response:
        """200 where at least one tier can answer; the body says how each of them is."""
        tiers = {name: tier.state() for name, tier in services.snapshot.tiers.items()}
        serving = any(state in ("up", "full") for state in tiers.values())
        status = "ready" if serving else "no tier can answer"
        return JSONResponse({"status": status, "tiers": tiers}, 200 if serving else 503)

    @router.get("/metrics")
    async def metrics() -> Response:
        return Response(services.metrics.render(), media_type=CONTENT_TYPE)

    return router
