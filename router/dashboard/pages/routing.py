"""Routing: where requests go and why, and how well what was predicted agrees with what came."""

from collections.abc import Iterable
from statistics import median
from typing import Any

from router.dashboard.ask import Ask, Page
from router.dashboard.books import NS, usd
from router.dashboard.dataset import Column, Dataset, over_time
from router.dashboard.figures import Unit, divided
from router.dashboard.measures import asked, error_share, saved_usd, usd_per_1k_requests
from router.dashboard.state import DAY_S
from router.dashboard.svg import flow
from router.ledger.sums import total

_SAMPLE = 600
_LENGTHS = (0, 25, 50, 100, 200, 400, 800, 1600)
_BINS = 10


def flows(ask: Ask) -> Dataset:
    rows = ask.books.sums(ask.state.period, ("asked", "tier"), ask.filters)
    columns = (
        Column("asked", "Asked for"), Column("tier", "Answered by"), Column("requests", "Requests", "count"),
        Column("share", "Share", "share"), Column("cost_usd", "Spend", "usd"),
        Column("usd_per_1k_requests", "Per 1k requests", "usd"),
    )  # fmt: skip
    whole = sum(asked(row).requests for row in rows)
    made = tuple(
        (
            row.by["asked"] or "none", row.by["tier"] or "nobody", asked(row).requests,
            divided(asked(row).requests, whole), usd(row.attempts.cost_nusd), usd_per_1k_requests(row),
        )
        for row in rows
    )  # fmt: skip
    note = "Spend stands where it arose: a draft that was thrown away is its own tier's."
    return Dataset("flow", "From what was asked for to the tier that answered", columns, made, note)


def escalations(ask: Ask) -> Dataset:
    lines = ask.books.lines(ask.state.period, (), ask.filters)
    rows = lines.total()
    drawn = [
        ("escalated", [divided(row.attempts.escalations, asked(row).requests) for row in rows]),
        ("fell back", [divided(row.attempts.fallbacks, asked(row).requests) for row in rows]),
        ("failed", [error_share(row) for row in rows]),
    ]
    unit: Unit = "day" if lines.step == DAY_S else "hour"
    title = "Escalations, fallbacks and failures"
    return over_time("escalations", title, "share", lines.times, drawn, step=unit, note="As a share of requests.")


def rules(ask: Ask) -> Dataset:
    rows = ask.books.sums(ask.state.period, ("decision",), ask.filters)
    whole = total(rows)
    columns = (
        Column("decision", "Decided by"), Column("requests", "Requests", "count"), Column("share", "Share", "share"),
        Column("cost_usd", "Spend", "usd"), Column("usd_per_1k_requests", "Per 1k requests", "usd"),
        Column("escalated", "Escalated", "share"), Column("wasted_usd", "Drafts thrown away", "usd"),
        Column("saved_usd", "Saved", "usd"), Column("errors", "Failed", "share"),
    )  # fmt: skip
    made = tuple(
        (
            row.by["decision"] or "nothing", asked(row).requests, divided(asked(row).requests, asked(whole).requests),
            usd(row.attempts.cost_nusd), usd_per_1k_requests(row),
            divided(row.attempts.escalations, asked(row).requests), row.attempts.wasted_nusd / NS, saved_usd(row),
            error_share(row),
        )
        for row in rows
    )  # fmt: skip
    return Dataset("rules", "Rules and decisions", columns, made)


def sample(ask: Ask) -> list[dict[str, Any]]:
    """The newest requests that match, with their facts: predictions stand in rows, not in rollups."""
    return [row for row in ask.books.requests(ask.state.period, ask.filters, limit=_SAMPLE).rows if row["facts"]]


def length(ask: Ask) -> Dataset:
    """Predicted output length in bands, against what came."""
    rows = [
        (row["facts"]["predicted"], row["output_tokens"])
        for row in sample(ask)
        if row["facts"].get("predicted") and row["status"] == 200 and row["cache"] not in ("hit", "semantic")
    ]
    columns = (
        Column("predicted", "Predicted (P50)"), Column("requests", "Requests", "count"),
        Column("median_predicted", "Predicted median", "tokens"), Column("median_real", "Real median", "tokens"),
        Column("under_p50", "Under P50", "share"), Column("under_p90", "Under P90", "share"),
    )  # fmt: skip
    made = []
    for low, high in zip(_LENGTHS, (*_LENGTHS[1:], None), strict=True):
        band = [(p, out) for p, out in rows if low <= p["output_p50"] and (high is None or p["output_p50"] < high)]
        if band:
            made.append((
                f"{low} to {high}" if high else f"{low} and more", len(band),
                median(p["output_p50"] for p, _ in band), median(out for _, out in band),
                _share(out <= p["output_p50"] for p, out in band), _share(out <= p["output_p90"] for p, out in band),
            ))  # fmt: skip
    note = f"The last {len(rows)} answers. Well calibrated is 50 % under P50 and 90 % under P90, as the marks show."
    return Dataset("length", "Predicted against real length", columns, tuple(made), note)


def quality(ask: Ask) -> Dataset:
    """How often a draft was kept, by what was predicted of the tier that wrote it."""
    drafts = [row for row in sample(ask) if row["decision"] == "cascade" and row["facts"].get("predicted")]
    first = _draft_tiers(ask)
    points: list[tuple[float, bool]] = []
    for row in drafts:
        predicted = row["facts"]["predicted"]["quality"].get(first.get(row["policy"], ""))
        if predicted is not None:
            points.append((predicted, row["attempts"] == 1 and row["status"] == 200))
    columns = (
        Column("predicted", "Predicted quality", "ratio"), Column("kept", "Drafts kept", "share"),
        Column("perfect", "Perfect agreement", "share"), Column("drafts", "Drafts", "count"),
    )  # fmt: skip
    made = []
    for place in range(_BINS):
        mine = [kept for value, kept in points if place <= value * _BINS < place + 1]
        if mine:
            middle = (place + 0.5) / _BINS
            made.append((middle, _share(mine), middle, len(mine)))
    note = (
        f"The last {len(points)} drafts. A draft that was kept stands for a good answer: nobody else judged it, so "
        "read the slope, and not the level, as agreement."
    )
    return Dataset("quality", "Predicted quality against drafts kept", columns, tuple(made), note)


def _draft_tiers(ask: Ask) -> dict[str, str]:
    policies = ask.snapshot.config.policies
    return {name: policy.cascade.first for name, policy in policies.items() if policy.cascade is not None}


def _share(flags: Iterable[bool]) -> float:
    known = list(flags)
    return sum(known) / len(known)


def context(ask: Ask) -> dict[str, Any]:
    links: dict[tuple[str, str], int] = {}
    for row in ask.books.sums(ask.state.period, ("asked", "tier"), ask.filters):
        if count := asked(row).requests:
            links[row.by["asked"] or "none", row.by["tier"] or "nobody"] = count
    whole = total(ask.books.lines(ask.state.period, (), ask.filters).total())
    return {"drawing": flow(links), "whole": whole, "asked": asked(whole), "wasted": whole.attempts.wasted_nusd / NS}


PAGE = Page(
    "routing", "Routing", "route", "Where requests went and why, and whether the predictions held.",
    {"flow": flows, "escalations": escalations, "rules": rules, "length": length, "quality": quality}, context,
)  # fmt: skip
