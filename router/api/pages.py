"""Everything that is not the hot path: models, embeddings, explain, health, metrics, administration."""

from fastapi import FastAPI, Request, Response
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from router.api import admin, embeddings, explain, feedback, health, models
from router.api.inference import request_id_of
from router.api.wire import headers_of
from router.dashboard.site import API, HOME, api_app, pages_app, site
from router.errors import ApiError, internal
from router.services import Services

_CODES = {404: "not_found", 405: "method_not_allowed"}


def pages(services: Services) -> FastAPI:
    app = FastAPI(title="Tiergate", docs_url=None, redoc_url=None, openapi_url="/openapi.json")
    for part in (models, embeddings, explain, feedback, health, admin):
        app.include_router(part.routes(services))
    dashboard = site(services)
    app.mount(HOME, pages_app(dashboard))
    app.mount(API, api_app(dashboard))
    app.add_exception_handler(ApiError, _api_error)
    app.add_exception_handler(HTTPException, _http_error)
    app.add_exception_handler(Exception, _defect(services))
    app.add_middleware(RequestIds)
    return app


class RequestIds:
    """Every answer carries `x-request-id`. Pure ASGI, so that a disconnect stays visible."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request_id = request_id_of(headers_of(scope))
        scope["tiergate.request_id"] = request_id

        async def with_id(message: Message) -> None:
            if message["type"] == "http.response.start":
                others = [(name, value) for name, value in message["headers"] if name != b"x-request-id"]
                message["headers"] = [*others, (b"x-request-id", request_id.encode())]
            await send(message)

        await self._app(scope, receive, with_id)


async def _api_error(_: Request, error: Exception) -> Response:
    assert isinstance(error, ApiError)  # noqa: S101 - registered for it
    return JSONResponse({"error": error.error}, error.status, headers=error.headers)


async def _http_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101 - registered for it
    code = _CODES.get(error.status_code, "invalid_request")
    told = ApiError(
        error.status_code,
        f"{request.method} {request.url.path[:200]}: {error.detail}. See docs/api.md.",
        code=code,
    )
    return JSONResponse({"error": told.error}, error.status_code, headers=dict(error.headers or {}))


def _defect(services: Services):  # type: ignore[no-untyped-def]  # noqa: ANN202 - FastAPI's own handler type is private
    async def handle(request: Request, error: Exception) -> Response:
        services.log_defect(request.scope.get("tiergate.request_id", ""), error)
        return JSONResponse({"error": internal().error}, 500)

    return handle
