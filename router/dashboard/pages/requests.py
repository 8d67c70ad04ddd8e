"""Requests: what was asked and answered, newest first, and one of them with its decision and attempts."""

from typing import Any

from router.dashboard.ask import Ask, Page
from router.dashboard.books import NS, usd
from router.dashboard.dataset import Column, Dataset
from router.dashboard.state import DIMENSIONS
from router.errors import ApiError

_PER_PAGE = 50
_MOST = 1000
_COLUMNS = (
    Column("started", "Time", "time"), Column("request_id", "Request"), Column("team", "Team"), Column("user", "User"),
    Column("asked", "Asked for"), Column("tier", "Tier"), Column("decision", "Rule"), Column("cache", "Cache"),
    Column("status", "Status"), Column("input_tokens", "In", "tokens"), Column("output_tokens", "Out", "tokens"),
    Column("attempts", "Attempts", "count"), Column("duration_s", "Took", "seconds"), Column("cost_usd", "Cost", "usd"),
)  # fmt: skip


def _limit(ask: Ask) -> int:
    asked = ask.state.extra.get("limit", "")
    return min(_MOST, max(1, int(asked))) if asked.isdecimal() else _PER_PAGE


def _row(row: dict[str, Any]) -> tuple[Any, ...]:
    return (
        row["started_ns"] / NS, row["request_id"], row["team"], row["user"], row["client_model"], row["tier"],
        row["decision"], row["cache"], row["status"], row["input_tokens"] + row["cached_input_tokens"],
        row["output_tokens"], row["attempts"], (row["ended_ns"] - row["started_ns"]) / NS, usd(row["cost_nusd"]),
    )  # fmt: skip


def listed(ask: Ask) -> Dataset:
    page = ask.books.requests(
        ask.state.period, ask.filters, limit=_limit(ask), before=ask.state.extra.get("before") or None
    )
    return Dataset("list", "Requests", _COLUMNS, tuple(map(_row, page.rows)))


def context(ask: Ask) -> dict[str, Any]:
    before = ask.state.extra.get("before") or None
    page = ask.books.requests(ask.state.period, ask.filters, limit=_limit(ask), before=before)
    tiers = list(ask.snapshot.tiers)
    return {"older": page.older, "paged": before is not None, "dimension_names": DIMENSIONS, "tiers": tiers}


def _one(ask: Ask) -> dict[str, Any]:
    """Raises ApiError 404 for none, and for another team's alike."""
    wanted = ask.state.extra.get("id", "")
    found = ask.books.request(wanted)
    if found is None:
        raise ApiError(404, f"There is no request '{wanted[:80]}' here, or it is not written yet.", code="not_found")
    return found


def attempts(ask: Ask) -> Dataset:
    row = _one(ask)
    columns = (
        Column("seq", "No.", "count"), Column("kind", "Kind"), Column("tier", "Tier"), Column("replica", "Replica"),
        Column("model", "Model"), Column("end", "End"), Column("input_tokens", "In", "tokens"),
        Column("cached_input_tokens", "Cached", "tokens"), Column("output_tokens", "Out", "tokens"),
        Column("confidence", "Confidence", "ratio"), Column("first_token_s", "First token", "seconds"),
        Column("took_s", "Took", "seconds"), Column("reserved_usd", "Reserved", "usd"),
        Column("cost_usd", "Cost", "usd"),         Column("price_version", "Price"), Column("error", "Error"),
    )  # fmt: skip
    made = tuple(
        (
            t["seq"] + 1, t["kind"], t["tier"], t["replica"], t["model"], t["outcome"], t["input_tokens"],
            t["cached_input_tokens"], t["output_tokens"], t["confidence"],
            None if t["ttft_ns"] is None else t["ttft_ns"] / NS, (t["ended_ns"] - t["started_ns"]) / NS,
            usd(t["reserved_nusd"]), usd(t["cost_nusd"]), t["price_version"], t["error"],
        )
        for t in row["tried"]
    )  # fmt: skip
    return Dataset("attempts", "Attempts", columns, made)


def candidates(ask: Ask) -> Dataset:
    """What was predicted of each tier when the request was decided."""
    row = _one(ask)
    quality = (row["facts"].get("predicted") or {}).get("quality", {})
    columns = (Column("tier", "Tier"), Column("quality", "Predicted quality", "ratio"), Column("verdict", "Verdict"))
    tried = [t["tier"] for t in row["tried"]]
    made = tuple(
        (tier, value, "answered" if tier == row["tier"] else "tried" if tier in tried else "not asked")
        for tier, value in quality.items()
    )
    return Dataset("candidates", "Predicted quality", columns, made)


def one_context(ask: Ask) -> dict[str, Any]:
    row = _one(ask)
    facts = {name: value for name, value in row["facts"].items() if name != "predicted" and value not in (None, "")}
    predicted = row["facts"].get("predicted") or {}
    return {"row": row, "facts": facts, "predicted": predicted, "bars": _bars(row), "saved": row["saved"]}


def _bars(row: dict[str, Any]) -> list[tuple[float, float, float | None]]:
    """Of each attempt, in percent of the request: where it begins, how long it is, where its first token came."""
    start, whole = row["started_ns"], max(1, row["ended_ns"] - row["started_ns"])
    bars = []
    for t in row["tried"]:
        first = None if t["ttft_ns"] is None else 100 * (t["started_ns"] + t["ttft_ns"] - start) / whole
        begins, width = 100 * (t["started_ns"] - start) / whole, 100 * (t["ended_ns"] - t["started_ns"]) / whole
        bars.append((max(0.0, begins), max(0.5, width), first))
    return bars


PAGE = Page(
    "requests", "Requests", "list", "Every request, newest first; open one to see why it went where it went.",
    {"list": listed}, context,
)  # fmt: skip
ONE = Page(
    "request", "Request", "list", "", {"attempts": attempts, "candidates": candidates}, one_context, periods=False,
    group="hidden",
)  # fmt: skip
