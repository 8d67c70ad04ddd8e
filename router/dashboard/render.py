"""Templates to pages: autoescaped, with the names that all of them use."""

import hashlib
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from router.dashboard import figures
from router.dashboard.ask import Ask, Page
from router.dashboard.pages.all import PAGES
from router.dashboard.state import DIMENSIONS, PERIODS
from router.dashboard.svg import spark

_HERE = Path(__file__).parent
STATIC = _HERE / "static"
_HEADLINES = {
    400: "That address asks for something else", 403: "Not for this key", 404: "Nothing is there",
    421: "Not under that name", 500: "Tiergate failed here", 503: "Not at the moment",
}  # fmt: skip


class Renderer:
    """home, api: where the pages and the JSON API are mounted."""

    def __init__(self, home: str, api: str) -> None:
        self.home = home
        self._api = api
        self._stamps: dict[str, str] = {}
        self._templates = Environment(
            loader=FileSystemLoader(_HERE / "templates"), autoescape=True, undefined=StrictUndefined,
            trim_blocks=True, lstrip_blocks=True,
        )  # fmt: skip
        self._templates.globals.update(
            home=home, api=api, static=self._static, spark=spark, show_change=figures.show_change, show=figures.show,
            dimensions=DIMENSIONS,
        )  # fmt: skip

    def page(self, page: Page, ask: Ask, context: dict[str, Any], csrf: str) -> str:
        return self._templates.get_template(f"{page.path}.html").render(
            title=page.title, lead=page.lead, here=page.path, state=ask.state, viewer=ask.viewer, csrf=csrf,
            menu=_menu(ask), periods=PERIODS if page.periods else None,
            here_api=f"{self._api}/{page.path}", now=ask.now, firing=_firing(ask), **context,
        )  # fmt: skip

    def login(self, *, csrf: str, target: str, wrong: str = "") -> str:
        return self._templates.get_template("login.html").render(csrf=csrf, next=target, wrong=wrong)

    def error(self, status: int, message: str, request_id: str) -> str:
        headline = _HEADLINES.get(status, "That did not work")
        return self._templates.get_template("error.html").render(
            status=status, headline=headline, message=message, request_id=request_id
        )

    def _static(self, name: str) -> str:
        """The address of an asset, with a stamp of its content so that browsers may keep it."""
        if name not in self._stamps:
            self._stamps[name] = hashlib.sha256((STATIC / name).read_bytes()).hexdigest()[:10]
        return f"{self.home}/static/{name}?v={self._stamps[name]}"


def _menu(ask: Ask) -> list[tuple[str, list[Page]]]:
    """Groups of pages, without those that the viewer may not see."""
    groups: dict[str, list[Page]] = {}
    for page in PAGES:
        if page.group != "hidden" and (ask.viewer.sees_all or not page.for_all):
            groups.setdefault(page.group, []).append(page)
    return list(groups.items())


def _firing(ask: Ask) -> int:
    alerts = ask.services.alerts.board.alerts
    return sum(a.phase == "firing" and (ask.viewer.sees_all or a.reading.team == ask.viewer.team) for a in alerts)
