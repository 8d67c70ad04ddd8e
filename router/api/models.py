"""`GET /v1/models`: what a caller may put in `model`."""

from typing import Any

from fastapi import APIRouter, Request

from router.admission import allowed, identify
from router.api.wire import headers_of
from router.errors import model_not_found
from router.request import Principal
from router.services import Services

LOCAL_EMBEDDING = "tiergate-embed"


def routes(services: Services) -> APIRouter:
    router = APIRouter()

    @router.get("/v1/models")
    async def every(request: Request) -> dict[str, Any]:
        principal = identify(services.keys, services.snapshot, headers_of(request.scope))
        return {"object": "list", "data": [_model(name) for name in _offered(services, principal)]}

    @router.get("/v1/models/{name:path}")
    async def one(name: str, request: Request) -> dict[str, Any]:
        principal = identify(services.keys, services.snapshot, headers_of(request.scope))
        offered = _offered(services, principal)
        if name not in offered:
            raise model_not_found(name, offered)
        return _model(name)

    return router


def _offered(services: Services, principal: Principal) -> tuple[str, ...]:
    names = (*services.snapshot.config.models, LOCAL_EMBEDDING)
    return tuple(name for name in names if allowed(principal, name))


def _model(name: str) -> dict[str, Any]:
    return {"id": name, "object": "model", "created": 0, "owned_by": "tiergate"}
