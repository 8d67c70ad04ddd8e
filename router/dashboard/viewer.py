"""Who looks at the pages, and what of them they may see."""

from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Literal

from router.auth.keys import Key
from router.errors import ApiError, forbidden

EVERY_TEAM = "*"


@dataclass(frozen=True, slots=True)
class Viewer:
    """team: the only team whose figures are shown, None for all of them. session: the cookie, "" without one.

    open: nobody was asked for a key, because the gateway has none (`auth: none`) and is asked from this machine.
    """

    role: Literal["read", "admin"]
    team: str | None = None
    key_id: str = ""
    name: str = ""
    session: str = ""
    open: bool = False

    @property
    def sees_all(self) -> bool:
        return self.team is None

    @property
    def may_change(self) -> bool:
        return self.role == "admin"


def of_key(key: Key, session: str = "") -> Viewer:
    """Raises ApiError 403 for a key that is for requests only.

    A `read` key sees its own team's figures, all of them where its team is `*`; an `admin` key sees all.
    """
    if key.role not in ("read", "admin"):
        raise forbidden("This key sends requests; the dashboard needs one with the role 'read' or 'admin'.")
    role: Literal["read", "admin"] = "admin" if key.role == "admin" else "read"
    team = None if role == "admin" or key.team == EVERY_TEAM else key.team
    return Viewer(role, team, key.id, key.user or key.team, session)


def unasked(headers: Mapping[str, str], client: str | None) -> Viewer:
    """The viewer where the gateway asks for no keys: read-only, from this machine alone.

    Raises ApiError 403 for anybody else, and for a page of some other name that was made to lead here.
    """
    check_host(headers)
    if client is not None and not _loopback(client):
        raise forbidden("Without keys the dashboard answers this machine alone: set server.auth: keys.")
    return Viewer("read", open=True)


def check_host(headers: Mapping[str, str]) -> None:
    """Refuse a request whose Host is not this machine's own name, as in DNS rebinding, or that another site made."""
    host = headers.get("host", "")
    name = host[1 : host.find("]")] if host.startswith("[") else host.rpartition(":")[0] or host
    if name != "localhost" and not _loopback(name):
        raise ApiError(421, f"Without keys only localhost is answered here, not '{host[:80]}': set server.auth: keys.")
    if headers.get("sec-fetch-site", "none") not in ("same-origin", "none", "same-site"):
        navigates = headers.get("sec-fetch-mode") == "navigate" and headers.get("sec-fetch-dest") == "document"
        if not navigates:
            raise forbidden("Another site's page may not ask this.")


def check_browser(headers: Mapping[str, str]) -> None:
    """The same for a request that a browser makes; a program, which sends neither header, may use any name."""
    if "sec-fetch-site" in headers or "origin" in headers:
        check_host(headers)


def _loopback(name: str) -> bool:
    try:
        return ip_address(name).is_loopback
    except ValueError:
        return False
