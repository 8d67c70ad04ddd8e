"""Every page and every figure: with traffic, without any, and with wrong addresses."""

import csv
import io
import re
from html.parser import HTMLParser

from router.dashboard.dataset import Column, Dataset
from router.dashboard.pages.all import PAGES
from router.dashboard.protect import CONTENT_SECURITY_POLICY
from tests.router.gateway import chat, gateway

MENU = [page.path for page in PAGES if page.path != "request"]
VOID = {"meta", "link", "input", "img", "br", "hr", "path", "rect", "use", "circle", "line"}


class Reader(HTMLParser):
    """Collects what a strict policy forbids, headings, labels and table heads."""

    def __init__(self, text):
        super().__init__()
        self.forbidden, self.levels, self.unlabelled, self.ids, self.open = [], [], [], [], []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        named = dict(attrs)
        inline = tag == "script" and "src" not in named
        if inline or tag == "style" or "style" in named or any(name.startswith("on") for name in named):
            self.forbidden.append((tag, named))
        if tag in ("h1", "h2", "h3"):
            self.levels.append(int(tag[1]))
        if tag == "th" and "scope" not in named:
            self.unlabelled.append(named)
        if "id" in named:
            self.ids.append(named["id"])
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self.open.pop()

    def handle_endtag(self, tag):
        if tag not in VOID:
            assert self.open.pop() == tag, tag


async def test_every_page_is_well_formed_and_strict(visited):
    """Nothing inline, one h1, headings in order, table heads with scope, no id twice, landmarks and a skip link."""
    async with visited() as (running, secrets):
        admin = {"authorization": f"Bearer {secrets['admin']}"}
        rows = (await running.get("/admin/api/requests/list", admin)).json["rows"]
        for path in (*MENU, f"request?id={rows[0]['request_id']}", "explore?by=team&then=tier&measure=per_1k"):
            reply = await running.get(f"/dashboard/{path}", admin)
            assert reply.status == 200, path
            assert reply.headers["content-security-policy"] == CONTENT_SECURITY_POLICY
            assert reply.headers["cache-control"] == "no-store"
            text = reply.body.decode()
            page = Reader(text)
            assert not page.forbidden, path
            assert page.levels.count(1) == 1
            assert all(later - former <= 1 for former, later in zip(page.levels, page.levels[1:], strict=False))
            assert not page.unlabelled
            assert len(set(page.ids)) == len(page.ids), path
            assert not page.open
            assert {"<main", "<nav", 'class="skip"', 'aria-live="polite"'} <= {
                part for part in ("<main", "<nav", 'class="skip"', 'aria-live="polite"') if part in text
            }


async def test_an_empty_ledger_has_pages_too(tmp_path):
    """Before the first request every page stands, and says what will be there."""
    async with gateway(tmp_path) as running:
        for path in MENU:
            reply = await running.get(f"/dashboard/{path}?period=24h")
            assert reply.status == 200, reply.body.decode()[-500:]


async def test_every_figure_is_json_and_csv(visited):
    """Columns and rows agree in both forms, and the CSV is a download."""
    async with visited() as (running, secrets):
        admin = {"authorization": f"Bearer {secrets['admin']}"}
        rows = (await running.get("/admin/api/requests/list", admin)).json["rows"]
        for page, datasets in (await running.get("/admin/api/", admin)).json.items():
            query = f"?id={rows[0]['request_id']}" if page == "request" else ""
            for name, address in datasets.items():
                figures = (await running.get(address + query, admin)).json
                reply = await running.get(f"{address}.csv{query}", admin)
                table = list(csv.DictReader(io.StringIO(reply.body.decode())))
                assert reply.headers["content-disposition"] == f'attachment; filename="tiergate-{figures["name"]}.csv"'
                assert len(table) == len(figures["rows"]), (page, name)
                assert not table or list(table[0]) == [column["key"] for column in figures["columns"]]


async def test_the_pages_say_what_was_asked(tmp_path):
    """Three requests are three requests, on the tier that answered them; an address is a state."""
    async with gateway(tmp_path) as running:
        for text in ("one", "two", "three"):
            await running.post(chat(text, model="short"), headers={"x-tiergate-tags": "team=search"})
        await running.post(chat("four", model="long"), headers={"x-tiergate-tags": "team=docs"})
        await running.services.ledger.flush()
        groups = (await running.get("/admin/api/explore/groups?by=team&then=tier&period=24h")).json["rows"]
        assert {(row["team"], row["tier"]): row["requests"] for row in groups} == {
            ("search", "short"): 3, ("docs", "long"): 1,
        }  # fmt: skip
        only = (await running.get("/admin/api/explore/groups?by=team&tier=long")).json["rows"]
        assert [row["team"] for row in only] == ["docs"]
        page = (await running.get("/dashboard/explore?by=team&tier=long&period=30d")).body.decode()
        assert "Remove this filter" in page
        assert re.search(r'aria-current="true"[^>]*>30 days', page)


async def test_what_callers_write_stays_text(tmp_path):
    """A team's name full of markup is shown, not run; in a CSV it is no formula."""
    async with gateway(tmp_path) as running:
        await running.post({**chat(), "metadata": {"team": "<img src=x onerror=alert(1)>"}})
        await running.post({**chat("more"), "metadata": {"team": "=cmd()"}})
        await running.services.ledger.flush()
        page = (await running.get("/dashboard/overview")).body.decode()
        assert "&lt;img src=x" in page
        assert "<img src=x" not in page
        assert "'=cmd()" in (await running.get("/admin/api/overview/teams.csv")).body.decode()


WRONG = {
    "overview?period=3w": "Invalid &#39;period&#39;",
    "overview?from=yesterday": "Invalid &#39;from&#39;",
    "overview?from=2026-01-02&to=2026-01-01": "1 to 800 days",
    "explore?by=colour": "Invalid &#39;by&#39;",
    "explore?measure=joy": "Invalid &#39;measure&#39;",
    "explore?by=user&then=tag.a": "cannot be put together",
    "requests?before=never": "cannot be put together",
    "what_if?to_value=2": "Invalid &#39;to_value&#39;",
}


async def test_a_wrong_address_says_what_is_allowed(tmp_path):
    """400, with the parameter, what was found and what is allowed."""
    async with gateway(tmp_path) as running:
        for address, said in WRONG.items():
            reply = await running.get(f"/dashboard/{address}")
            assert reply.status == 400, address
            assert said in reply.body.decode(), address


async def test_what_is_not_there(tmp_path):
    """404 in the page's own look, and as JSON in the API."""
    async with gateway(tmp_path) as running:
        for path in ("/dashboard/nowhere", "/dashboard/request?id=req-none", "/dashboard/static/../site.py"):
            assert (await running.get(path)).status == 404
        missing = await running.get("/admin/api/overview/nothing")
        assert (missing.status, missing.json["error"]["code"]) == (404, "not_found")


async def test_live_figures_come_as_events(tmp_path):
    """The first event tells rates and what is in flight; leaving ends it."""
    async with gateway(tmp_path) as running:
        await running.post(chat(model="short"))
        async with running.client.get(running.url + "/dashboard/live") as reply:
            assert reply.headers["content-type"].startswith("text/event-stream")
            text = b""
            async for piece in reply.content:
                text += piece
                if b"}\n" in text:
                    break
            assert b"event: figures" in text
            assert b'"inflight":"0"' in text


def test_a_csv_keeps_numbers_and_disarms_formulas():
    """Small amounts keep their digits, unknown is empty, a leading sign of a formula is quoted."""
    columns = (Column("a", "A"), Column("b", "B", "usd"))
    made = Dataset("x", "X", columns, (("+1", 0.000000123), ("plain", None), ("-x", -2.5)))
    assert made.csv() == "a,b\r\n'+1,0.000000123\r\nplain,\r\n'-x,-2.5\r\n"
