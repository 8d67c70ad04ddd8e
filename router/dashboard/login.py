"""Signing in with a key, and out."""

import secrets
from urllib.parse import parse_qsl, quote

from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Route

from router.dashboard.render import Renderer
from router.dashboard.session import COOKIE, LASTS_S, Sessions
from router.errors import forbidden
from router.services import Services

_BEFORE = "tiergate_login"
_WRONG = "No such key, or it may not look at the dashboard. It needs the role 'read' or 'admin'."
_MOST_FORM_BYTES = 4096


def address(home: str, target: str) -> str:
    return f"{home}/login?next={quote(target, safe='')}"


def routes(services: Services, sessions: Sessions, renderer: Renderer) -> list[Route]:
    home = renderer.home

    async def form(request: Request) -> Response:
        """The form's token is signed over a cookie of its own, so that no other site can sign anybody in."""
        if services.snapshot.config.server.auth == "none":
            return RedirectResponse(f"{home}/overview", 303)
        nonce = secrets.token_urlsafe(16)
        page = renderer.login(csrf=sessions.csrf(nonce), target=_local(request.query_params.get("next", ""), home))
        reply = HTMLResponse(page)
        _set(reply, request, _BEFORE, nonce, home, 3600)
        return reply

    async def enter(request: Request) -> Response:
        sent = await _form(request)
        nonce = request.cookies.get(_BEFORE, "")
        if not nonce or not sessions.csrf_ok(nonce, sent.get("csrf", "")):
            raise forbidden("The form is too old or not ours: open the login page again.")
        key = services.keys.verify(sent.get("key", ""))
        target = _local(sent.get("next", ""), home)
        if key is None or key.role not in ("read", "admin"):
            page = renderer.login(csrf=sessions.csrf(nonce), target=target, wrong=_WRONG)
            return HTMLResponse(page, 401)
        reply = RedirectResponse(target, 303)
        _set(reply, request, COOKIE, sessions.begin(key), "/", LASTS_S)
        reply.delete_cookie(_BEFORE, path=home)
        return reply

    async def leave(request: Request) -> Response:
        await check_csrf(request, sessions)
        reply = RedirectResponse(f"{home}/login", 303)
        reply.delete_cookie(COOKIE, path="/")
        return reply

    return [
        Route("/login", form, methods=["GET"]),
        Route("/login", enter, methods=["POST"]),
        Route("/logout", leave, methods=["POST"]),
    ]


async def check_csrf(request: Request, sessions: Sessions) -> dict[str, str]:
    """The form's fields. Raises ApiError 403 where its token is not this session's."""
    sent = await _form(request)
    session = request.cookies.get(COOKIE, "")
    if not session or not sessions.csrf_ok(session, sent.get("csrf", "")):
        raise forbidden("The form is not of this session: open the page again.")
    return sent


async def _form(request: Request) -> dict[str, str]:
    body = b""
    async for piece in request.stream():
        body += piece
        if len(body) > _MOST_FORM_BYTES:
            raise forbidden("The form is too long.")
    return dict(parse_qsl(body.decode("utf-8", "replace")))


def _local(target: str, home: str) -> str:
    """Only pages of ours are gone to after signing in."""
    safe = target.startswith(f"{home}/") and "//" not in target.partition("?")[0] and "\\" not in target
    return target if safe and not target.startswith(f"{home}/log") else f"{home}/overview"


def _set(reply: Response, request: Request, name: str, value: str, path: str, lasts_s: int) -> None:
    forwarded = request.headers.get("x-forwarded-proto", "")
    secure = request.url.scheme == "https" or forwarded == "https"
    reply.set_cookie(name, value, max_age=lasts_s, path=path, httponly=True, samesite="strict", secure=secure)
