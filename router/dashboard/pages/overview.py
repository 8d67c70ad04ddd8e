"""Overview: what is spent, what it buys, what was saved, and where the month is going."""

from datetime import datetime, timedelta
from typing import Any

from router.dashboard.ask import Ask, Page
from router.dashboard.books import NS, Lines, tokens, usd
from router.dashboard.dataset import Column, Dataset, over_time
from router.dashboard.figures import Unit, change, divided
from router.dashboard.forecast import Forecast, forecast
from router.dashboard.state import DAY_S, Period
from router.ledger.sums import Sums

_MOST_ROWS = 8
_LOOK_BACK_DAYS = 28


def spend_over_time(ask: Ask) -> Dataset:
    period = ask.state.period
    lines = ask.books.lines(period, ("tier",), ask.filters)
    before = ask.books.lines(period.before, (), ask.filters).total()
    drawn = [(group[0] or "none", [usd(row.attempts.cost_nusd) for row in rows]) for group, rows in lines.groups.items()]
    earlier = [usd(row.attempts.cost_nusd) for row in before][: len(lines.times)]
    earlier += [None] * (len(lines.times) - len(earlier))
    unit: Unit = "day" if lines.step == DAY_S else "hour"
    return over_time(
        "spend", "Spend by tier", "usd", lines.times, [*drawn, ("the period before", earlier)], step=unit
    )


def month(ask: Ask) -> Dataset:
    """The month's spend day by day, cumulated, and where it is expected to end."""
    first, today, after = _month(ask)
    since = int((today - timedelta(days=_LOOK_BACK_DAYS)).timestamp())
    start = min(since, int(first.timestamp()))
    days = ask.books.lines(Period("month", start, int(after.timestamp())), (), ask.filters)
    spent = {at: row.attempts.cost_nusd / NS for at, row in zip(days.times, days.total(), strict=True)}
    made = _forecast(ask, spent, first, today, after)
    rows = tuple(_month_rows(spent, first, today, after, made))
    columns = (
        Column("time", "Day", "day"), Column("spent", "Spent so far", "usd"), Column("forecast", "Forecast", "usd"),
        Column("low", "Low (P10)", "usd"), Column("high", "High (P90)", "usd"),
    )  # fmt: skip
    note = "" if made else "A forecast needs three whole days of traffic."
    return Dataset("month", f"{first:%B}, day by day", columns, rows, note)


def _month(ask: Ask) -> tuple[datetime, datetime, datetime]:
    today = datetime.fromtimestamp(ask.now, ask.zone).replace(hour=0, minute=0, second=0, microsecond=0)
    first = today.replace(day=1)
    after = (first + timedelta(days=32)).replace(day=1)
    return first, today, after


def _forecast(
    ask: Ask, spent: dict[int, float], first: datetime, today: datetime, after: datetime
) -> Forecast | None:
    past = [value for at, value in sorted(spent.items()) if at < today.timestamp()]
    while past and past[0] == 0:
        past.pop(0)
    so_far = sum(value for at, value in spent.items() if first.timestamp() <= at <= today.timestamp())
    left = 1 - (ask.now - today.timestamp()) / DAY_S
    weekdays = [(today + timedelta(days=n)).weekday() for n in range((after - today).days)]
    return forecast(past, so_far, max(0.0, min(1.0, left)), weekdays)


def _month_rows(  # type: ignore[no-untyped-def]  # noqa: ANN202 - rows of plain values
    spent: dict[int, float], first: datetime, today: datetime, after: datetime, made: Forecast | None
):
    so_far, at, place = 0.0, first, 0
    while at < after:
        mine = spent.get(int(at.timestamp()), 0.0)
        so_far += mine
        known = so_far if at <= today else None
        if at < today or made is None:
            yield (int(at.timestamp()), known, None, None, None)
        else:
            yield (int(at.timestamp()), known, made.middle[place], made.low[place], made.high[place])
            place += 1
        at += timedelta(days=1)


def _ranking(ask: Ask, name: str, title: str, by: str, label: str) -> Dataset:
    rows = ask.books.sums(ask.state.period, (by,), ask.filters)
    whole = sum(row.attempts.cost_nusd for row in rows)
    earlier = {
        row.by[by]: row.attempts.cost_nusd for row in ask.books.sums(ask.state.period.before, (by,), ask.filters)
    }
    columns = (
        Column(by, label), Column("cost_usd", "Spend", "usd"), Column("share", "Share", "share"),
        Column("change", "Change", "ratio"), Column("requests", "Requests", "count"),
        Column("usd_per_1k_requests", "Per 1k requests", "usd"), Column("usd_per_1m_tokens", "Per 1M tokens", "usd"),
    )  # fmt: skip
    made = [
        (
            row.by[by], usd(row.attempts.cost_nusd), divided(row.attempts.cost_nusd, whole),
            change(row.attempts.cost_nusd, earlier.get(row.by[by])), row.requests.requests if row.requests else None,
            *_unit_costs(row),
        )
        for row in rows
    ]  # fmt: skip
    return Dataset(name, title, columns, tuple(made[: None if ask.state.extra.get("all") else _MOST_ROWS]))


def teams(ask: Ask) -> Dataset:
    return _ranking(ask, "teams", "Teams", "team", "Team")


def models(ask: Ask) -> Dataset:
    return _ranking(ask, "models", "Models that answered", "model", "Model")


def saved(ask: Ask) -> Dataset:
    row = ask.books.whole(ask.state.period, ask.filters)
    reasons = row.requests.saved_nusd if row.requests else {}
    told = {
        "routing": "A cheaper tier than the baseline answered", "cascade": "A draft was kept, net of those thrown away",
        "exact": "The same request again", "semantic": "The same meaning again", "prefix": "The start was in the engine's cache",
    }  # fmt: skip
    rows = tuple((reason, told[reason], usd(value)) for reason, value in reasons.items())
    columns = (Column("reason", "By"), Column("how", "How"), Column("saved_usd", "Saved", "usd"))
    return Dataset("saved", "Saved", columns, rows if any(r[2] for r in rows) else (), _baseline_note(row))


def _baseline_note(row: Sums) -> str:
    asked = row.requests
    if asked is None or not asked.requests or asked.baseline_known == asked.requests:
        return "Against the same tokens on the baseline tier."
    return (
        f"Against the same tokens on the baseline tier, over {asked.baseline_known:,} of {asked.requests:,} requests; "
        "the others have no known price to compare."
    )


def _unit_costs(row: Sums) -> tuple[float | None, float | None]:
    cost = row.attempts.cost_nusd / NS
    requests = row.requests.requests if row.requests else 0
    per_request, per_token = divided(cost, requests), divided(cost, tokens(row))
    return (
        None if per_request is None else per_request * 1000,
        None if per_token is None else per_token * 1_000_000,
    )


def _figures(row: Sums) -> dict[str, Any]:
    asked = row.requests
    assert asked is not None  # noqa: S101 - never grouped by what only an attempt has
    per_1k, per_1m = _unit_costs(row)
    saved_usd = sum(asked.saved_nusd.values()) / NS
    cost = row.attempts.cost_nusd / NS
    return {
        "cost": cost, "requests": asked.requests, "tokens": tokens(row), "per_1k": per_1k, "per_1m": per_1m,
        "saved": saved_usd, "saved_share": divided(saved_usd, saved_usd + cost) if saved_usd > 0 else None,
        "unknown": row.attempts.unknown_cost, "attempts": row.attempts.attempts,
        "errors": divided(asked.errors, asked.requests), "estimated": row.attempts.estimated,
        "ttft": divided(asked.ttft_ns / NS, asked.ttft_known),
    }  # fmt: skip


def context(ask: Ask) -> dict[str, Any]:
    period = ask.state.period
    now, before = _figures(ask.books.whole(period, ask.filters)), _figures(ask.books.whole(period.before, ask.filters))
    lines = ask.books.lines(period, (), ask.filters)
    deltas = {name: change(value, before[name]) for name, value in now.items()}
    return {"figures": now, "before": before, "deltas": deltas, "sparks": _sparks(lines), "lag_s": ask.services.ledger.lag_s()}


def _sparks(lines: Lines) -> dict[str, list[float | None]]:
    rows = lines.total()
    return {
        "cost": [row.attempts.cost_nusd for row in rows],
        "requests": [row.requests.requests if row.requests else 0 for row in rows],
        "saved": [max(0, sum(row.requests.saved_nusd.values())) if row.requests else 0 for row in rows],
        "per_1m": [_unit_costs(row)[1] for row in rows],
        "per_1k": [_unit_costs(row)[0] for row in rows],
    }


PAGE = Page(
    "overview", "Overview", "layout-dashboard", "What was spent, what it bought, and what routing and caching saved.",
    {"spend": spend_over_time, "month": month, "teams": teams, "models": models, "saved": saved}, context,
)  # fmt: skip
