"""The dashboard's two applications, pages and JSON API, to be mounted beside the administration."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

import anyio
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp

from router.api.wire import headers_of
from router.dashboard import live, login
from router.dashboard.ask import Ask, Page
from router.dashboard.books import Books
from router.dashboard.dataset import Dataset
from router.dashboard.pages.all import PAGES
from router.dashboard.protect import Protect
from router.dashboard.render import STATIC, Renderer
from router.dashboard.session import COOKIE, Sessions
from router.dashboard.state import read_state
from router.dashboard.viewer import Viewer, of_key, unasked
from router.errors import ApiError, forbidden, internal, unauthorized
from router.services import Services, ledger_path

HOME = "/dashboard"
API = "/admin/api"
T = TypeVar("T")
_AT_ONCE = 2  # pages made at the same time; more would take the interpreter from the requests


@dataclass(frozen=True, slots=True)
class Site:
    """What all routes share. clock: Unix seconds."""

    services: Services
    sessions: Sessions
    renderer: Renderer
    limiter: anyio.CapacityLimiter
    clock: Callable[[], float]

    def viewer(self, request: Request) -> Viewer:
        """Raises ApiError 401 without a valid session or key, 403 where it may not look."""
        headers = headers_of(request.scope)
        if self.services.snapshot.config.server.auth == "none":
            return unasked(headers, request.client.host if request.client else None)
        cookie = request.cookies.get(COOKIE, "")
        if cookie and (key := self.sessions.key_of(cookie)) is not None:
            return of_key(key, cookie)
        key = self.services.keys.verify(headers.get("authorization") or headers.get("x-api-key"))
        if key is None:
            raise unauthorized()
        return of_key(key)

    def ask(self, request: Request, page: Page) -> Ask:
        viewer = self.viewer(request)
        if page.for_all and not viewer.sees_all:
            raise forbidden(f"'{page.title}' is about the whole fleet; this key sees its own team only.")
        snapshot, now = self.services.snapshot, self.clock()
        books = Books(ledger_path(snapshot.config), viewer.team)
        return Ask(self.services, snapshot, viewer, read_state(request.query_params, now), books, now)

    async def in_thread(self, made: Callable[[], T]) -> T:
        """Off the event loop, at most two at once."""
        return await anyio.to_thread.run_sync(made, limiter=self.limiter)


def site(services: Services, clock: Callable[[], float] = time.time) -> Site:
    sessions = Sessions.beside(ledger_path(services.snapshot.config), services.keys, clock)
    return Site(services, sessions, Renderer(HOME, API), anyio.CapacityLimiter(_AT_ONCE), clock)


def pages_app(made: Site) -> ASGIApp:
    """Everything under /dashboard."""
    routes = [
        Route("/", lambda _: RedirectResponse(f"{HOME}/overview", 307)),
        *(Route(f"/{page.path}", _page(made, page)) for page in PAGES),
        *login.routes(made.services, made.sessions, made.renderer),
        Route("/live", live.endpoint(made.services, made.viewer)),
        Mount("/static", StaticFiles(directory=STATIC)),
    ]
    return Protect(Starlette(routes=routes, exception_handlers=_html_errors(made)))


def api_app(made: Site) -> ASGIApp:
    """Everything under /admin/api: each dataset of each page, as JSON and CSV."""
    routes = [
        Route("/", _index(made)),
        Route("/{page}/{name}.csv", _dataset(made, _as_csv)),
        Route("/{page}/{name}", _dataset(made, _as_json)),
    ]
    return Protect(Starlette(routes=routes, exception_handlers=_json_errors(made)))


def _page(made: Site, page: Page) -> Callable[[Request], Any]:
    async def show(request: Request) -> Response:
        ask = made.ask(request, page)

        def whole() -> str:
            datasets = {name: maker(ask) for name, maker in page.datasets.items()}
            return made.renderer.page(page, ask, {**page.context(ask), "data": datasets}, _csrf(made, ask.viewer))

        return HTMLResponse(await made.in_thread(whole))

    return show


def _dataset(made: Site, form: Callable[[Dataset], Response]) -> Callable[[Request], Any]:
    async def show(request: Request) -> Response:
        page = next((page for page in PAGES if page.path == request.path_params["page"]), None)
        maker = page.datasets.get(request.path_params["name"]) if page else None
        if page is None or maker is None:
            made.viewer(request)
            raise ApiError(404, f"There are no such figures; {API}/ lists them.", code="not_found")
        ask = made.ask(request, page)
        return form(await made.in_thread(lambda: maker(ask)))

    return show


def _index(made: Site) -> Callable[[Request], Any]:
    async def show(request: Request) -> Response:
        viewer = made.viewer(request)
        return JSONResponse({
            page.path: {name: f"{API}/{page.path}/{name}" for name in page.datasets}
            for page in PAGES if viewer.sees_all or not page.for_all
        })  # fmt: skip

    return show


def _as_json(dataset: Dataset) -> Response:
    return JSONResponse(dataset.plain())


def _as_csv(dataset: Dataset) -> Response:
    headers = {"content-disposition": f'attachment; filename="tiergate-{dataset.name}.csv"'}
    return Response(dataset.csv(), media_type="text/csv; charset=utf-8", headers=headers)


def _csrf(made: Site, viewer: Viewer) -> str:
    return made.sessions.csrf(viewer.session) if viewer.session else ""


def _html_errors(made: Site) -> dict[Any, Any]:
    async def told(request: Request, error: Exception) -> Response:
        assert isinstance(error, ApiError)  # noqa: S101 - registered for it
        if error.status == 401:
            query = f"?{request.url.query}" if request.url.query else ""
            return RedirectResponse(login.address(HOME, f"{request.url.path}{query}"), 303)
        return HTMLResponse(made.renderer.error(error.status, error.message, _id(request)), error.status)

    async def defect(request: Request, error: Exception) -> Response:
        made.services.log_defect(_id(request), error)
        return HTMLResponse(made.renderer.error(500, internal().message, _id(request)), 500)

    async def missing(request: Request, _: Exception) -> Response:
        return HTMLResponse(made.renderer.error(404, "There is no such page.", _id(request)), 404)

    return {ApiError: told, 404: missing, Exception: defect}


def _json_errors(made: Site) -> dict[Any, Any]:
    async def told(_: Request, error: Exception) -> Response:
        assert isinstance(error, ApiError)  # noqa: S101 - registered for it
        return JSONResponse({"error": error.error}, error.status, headers=error.headers)

    async def defect(request: Request, error: Exception) -> Response:
        made.services.log_defect(_id(request), error)
        return JSONResponse({"error": internal().error}, 500)

    async def missing(_: Request, __: Exception) -> Response:
        error = ApiError(404, f"There are no such figures; {API}/ lists them.", code="not_found")
        return JSONResponse({"error": error.error}, 404)

    return {ApiError: told, 404: missing, Exception: defect}


def _id(request: Request) -> str:
    return str(request.scope.get("tiergate.request_id", ""))
