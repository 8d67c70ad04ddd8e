"""Cache: how often an answer was there already, what that saved, and for whom."""

from typing import Any

from router.dashboard.ask import Ask, Page
from router.dashboard.books import NS, Lines
from router.dashboard.dataset import Column, Dataset, over_time
from router.dashboard.figures import Unit, divided
from router.dashboard.measures import asked
from router.dashboard.state import DAY_S
from router.ledger.sums import Sums, total

_LOOKED_UP = ("hit", "semantic", "miss")


def _lines(ask: Ask) -> Lines:
    return ask.books.lines(ask.state.period, ("cache",), ask.filters)


def _count(lines: Lines, result: str) -> list[int]:
    rows = lines.groups.get((result,))
    return [asked(row).requests for row in rows] if rows else [0] * len(lines.times)


def rate(ask: Ask) -> Dataset:
    lines = _lines(ask)
    counts = {result: _count(lines, result) for result in _LOOKED_UP}
    looked = [sum(at) for at in zip(*counts.values(), strict=True)]
    drawn = [
        ("exact", [divided(n, of) for n, of in zip(counts["hit"], looked, strict=True)]),
        ("semantic", [divided(n, of) for n, of in zip(counts["semantic"], looked, strict=True)]),
    ]
    unit: Unit = "day" if lines.step == DAY_S else "hour"
    note = "As a share of requests that looked, those with the cache off left out."
    return over_time("rate", "Hit rate", "share", lines.times, drawn, step=unit, note=note)


def saved(ask: Ask) -> Dataset:
    lines = _lines(ask)
    rows = [asked(row) for row in lines.total()]
    drawn = [
        ("exact", [row.saved_exact_nusd / NS for row in rows]),
        ("semantic", [row.saved_semantic_nusd / NS for row in rows]),
        ("prefix", [row.saved_prefix_nusd / NS for row in rows]),
    ]
    unit: Unit = "day" if lines.step == DAY_S else "hour"
    return over_time("saved", "Saved by caches", "usd", lines.times, drawn, step=unit)


def teams(ask: Ask) -> Dataset:
    found: dict[str, dict[str, Sums]] = {}
    for row in ask.books.sums(ask.state.period, ("team", "cache"), ask.filters):
        found.setdefault(row.by["team"], {})[row.by["cache"]] = row
    columns = (
        Column("team", "Team"), Column("looked_up", "Looked up", "count"), Column("exact", "Exact hits", "count"),
        Column("semantic", "Semantic hits", "count"), Column("rate", "Hit rate", "share"),
        Column("off", "Cache off", "count"), Column("saved_usd", "Saved", "usd"),
    )  # fmt: skip
    made = []
    for team, results in found.items():
        n = {result: asked(row).requests for result, row in results.items()}
        looked, hits = sum(n.get(r, 0) for r in _LOOKED_UP), n.get("hit", 0) + n.get("semantic", 0)
        whole = asked(total(results.values()))
        worth = (whole.saved_exact_nusd + whole.saved_semantic_nusd) / NS
        made.append(
            (team, looked, n.get("hit", 0), n.get("semantic", 0), divided(hits, looked), n.get("off", 0), worth)
        )
    return Dataset("teams", "By team", columns, tuple(sorted(made, key=lambda row: -row[1])))


def prefixes(ask: Ask) -> Dataset:
    """Prompt tokens that the engine had read before, by tier."""
    rows = ask.books.sums(ask.state.period, ("tier",), ask.filters)
    columns = (
        Column("tier", "Tier"), Column("prompt", "Prompt tokens", "tokens"),
        Column("cached", "From its cache", "tokens"), Column("share", "Share", "share"),
    )  # fmt: skip
    made = []
    for row in rows:
        cached, prompt = row.attempts.cached_input_tokens, row.attempts.input_tokens + row.attempts.cached_input_tokens
        if row.by["tier"] and prompt:
            made.append((row.by["tier"], prompt, cached, cached / prompt))
    note = "What the engines themselves report; an engine that reports nothing shows 0."
    return Dataset("prefixes", "Prefix cache of the engines", columns, tuple(made), note)


def context(ask: Ask) -> dict[str, Any]:
    lines = _lines(ask)
    counts = {result: sum(_count(lines, result)) for result in (*_LOOKED_UP, "off")}
    whole = asked(total(lines.total()))
    looked = sum(counts[result] for result in _LOOKED_UP)
    return {
        "counts": counts, "looked": looked, "rate": divided(counts["hit"] + counts["semantic"], looked),
        "saved_exact": whole.saved_exact_nusd / NS, "saved_semantic": whole.saved_semantic_nusd / NS,
        "saved_prefix": whole.saved_prefix_nusd / NS, "entries": len(ask.services.cache),
        "bytes": ask.services.cache.size_bytes if ask.viewer.sees_all else None,
    }  # fmt: skip


PAGE = Page(
    "cache", "Cache", "database-zap", "Answers that were there already, by the same words or the same meaning.",
    {"rate": rate, "saved": saved, "teams": teams, "prefixes": prefixes}, context,
)  # fmt: skip
