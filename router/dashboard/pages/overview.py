"""Overview: what is spent, what it buys, what was saved, and where the month is going."""

from datetime import UTC, datetime, timedelta
from typing import Any

from router.dashboard.ask import Ask, Page
from router.dashboard.books import NS, tokens, usd
from router.dashboard.dataset import Column, Dataset, over_time
from router.dashboard.figures import Unit, change, divided
from router.dashboard.forecast import Forecast, forecast
from router.dashboard.measures import asked, error_share, saved_usd, usd_per_1k_requests, usd_per_1m_tokens
from router.dashboard.state import DAY_S, Period
from router.ledger.sums import Sums, total
from router.savings import ASSUMPTION

_MOST_ROWS = 8
_LOOK_BACK_DAYS = 28
_RANKED = ("team", "model")


def spend_over_time(ask: Ask) -> Dataset:
    period = ask.state.period
    lines = ask.books.lines(period, ("tier",), ask.filters)
    before = _steps(ask, period.before)
    drawn = [
        (group[0], [usd(row.attempts.cost_nusd) for row in rows])
        for group, rows in lines.groups.items()
        if any(row.attempts.cost_nusd for row in rows)
    ]
    earlier = [usd(row.attempts.cost_nusd) for row in before][: len(lines.times)]
    earlier += [None] * (len(lines.times) - len(earlier))
    unit: Unit = "day" if lines.step == DAY_S else "hour"
    return over_time("spend", "Spend by tier", "usd", lines.times, [*drawn, ("the period before", earlier)], step=unit)


def month(ask: Ask) -> Dataset:
    """The month's spend day by day, cumulated, and where it is expected to end."""
    first, today, after = _month(ask)
    since = int((today - timedelta(days=_LOOK_BACK_DAYS)).timestamp())
    start = min(since, int(first.timestamp()))
    days = ask.books.lines(Period("month", start, int(after.timestamp())), (), ask.filters)
    spent = {at: row.attempts.cost_nusd / NS for at, row in zip(days.times, days.total(), strict=True)}
    made = _forecast(ask, spent, first, today, after)
    rows: tuple[tuple[Any, ...], ...] = tuple(_month_rows(spent, first, today, after, made))
    columns: tuple[Column, ...] = (
        Column("time", "Day", "day"), Column("spent", "Spent so far", "usd"), Column("forecast", "Forecast", "usd"),
        Column("low", "Low (P10)", "usd"), Column("high", "High (P90)", "usd"),
    )  # fmt: skip
    if (budget := _budget(ask)) is not None:
        columns = (*columns, Column("budget", "Budget", "usd"))
        rows = tuple((*row, budget) for row in rows)
    note = "" if made else "A forecast needs three whole days of traffic."
    return Dataset("month", f"{first:%B}, day by day", columns, rows, note)


def _budget(ask: Ask) -> float | None:
    """The month's budget of what is shown: of the team that is filtered by or bound to, else of everybody."""
    team = ask.viewer.team or ask.filters.get("team")
    if set(ask.filters) - {"team"}:
        return None
    scope = f"team:{team}" if team else "org"
    limits = [
        state.limit / NS
        for state in ask.services.limits.states()
        if (state.scope, state.unit, state.period) == (scope, "usd", "month")
    ]
    return min(limits, default=None)


def _month(ask: Ask) -> tuple[datetime, datetime, datetime]:
    today = datetime.fromtimestamp(ask.now, UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    first = today.replace(day=1)
    after = (first + timedelta(days=32)).replace(day=1)
    return first, today, after


def _forecast(ask: Ask, spent: dict[int, float], first: datetime, today: datetime, after: datetime) -> Forecast | None:
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
    rows = _folded(ask.books.sums(ask.state.period, _RANKED, ask.filters), by)
    whole = sum(row.attempts.cost_nusd for row in rows.values())
    earlier = {
        value: row.attempts.cost_nusd
        for value, row in _folded(ask.books.sums(ask.state.period.before, _RANKED, ask.filters), by).items()
    }
    columns = (
        Column(by, label), Column("cost_usd", "Spend", "usd"), Column("share", "Share", "share"),
        Column("change", "Change", "ratio"), Column("requests", "Requests", "count"),
        Column("usd_per_1k_requests", "Per 1k requests", "usd"), Column("usd_per_1m_tokens", "Per 1M tokens", "usd"),
    )  # fmt: skip
    made = [
        (
            value, usd(row.attempts.cost_nusd), divided(row.attempts.cost_nusd, whole),
            change(row.attempts.cost_nusd, earlier.get(value)), asked(row).requests,
            usd_per_1k_requests(row), usd_per_1m_tokens(row),
        )
        for value, row in sorted(rows.items(), key=lambda item: -item[1].attempts.cost_nusd)
    ]  # fmt: skip
    return Dataset(name, title, columns, tuple(made[: None if ask.state.extra.get("all") else _MOST_ROWS]))


def _folded(rows: list[Sums], by: str) -> dict[str, Sums]:
    found: dict[str, list[Sums]] = {}
    for row in rows:
        found.setdefault(row.by[by], []).append(row)
    return {value: total(mine) for value, mine in found.items()}


def teams(ask: Ask) -> Dataset:
    return _ranking(ask, "teams", "Teams", "team", "Team")


def models(ask: Ask) -> Dataset:
    return _ranking(ask, "models", "Models that answered", "model", "Model")


def saved(ask: Ask) -> Dataset:
    row = total(_steps(ask, ask.state.period))
    told = {
        "routing": "A cheaper tier than the baseline answered", "cascade": "A draft was kept, net of those thrown away",
        "exact": "The same request again", "semantic": "The same meaning again",
        "prefix": "The start was in the engine's cache",
    }  # fmt: skip
    rows = tuple((reason, told[reason], usd(value)) for reason, value in asked(row).saved_nusd.items())
    columns = (Column("reason", "By"), Column("how", "How"), Column("saved_usd", "Saved", "usd"))
    return Dataset("saved", "Saved", columns, rows if any(r[2] for r in rows) else (), _baseline_note(row))


def _baseline_note(row: Sums) -> str:
    counted = asked(row)
    if counted.baseline_known == counted.requests:
        return f"Against {ASSUMPTION}."
    return (
        f"Against {ASSUMPTION}; over the {counted.baseline_known:,} of {counted.requests:,} requests where it is known."
    )


def _figures(row: Sums) -> dict[str, Any]:
    saved_in_all, cost = saved_usd(row), row.attempts.cost_nusd / NS
    return {
        "cost": cost, "requests": asked(row).requests, "tokens": tokens(row), "per_1k": usd_per_1k_requests(row),
        "per_1m": usd_per_1m_tokens(row), "saved": saved_in_all,
        "saved_share": divided(saved_in_all, saved_in_all + cost) if saved_in_all > 0 else None,
        "unknown": row.attempts.unknown_cost, "errors": error_share(row), "left": asked(row).left_early,
    }  # fmt: skip


def _steps(ask: Ask, period: Period) -> list[Sums]:
    """Everything of each hour or day, from the lines that are drawn."""
    return ask.books.lines(period, ("tier",) if period is ask.state.period else (), ask.filters).total()


def context(ask: Ask) -> dict[str, Any]:
    period = ask.state.period
    rows = _steps(ask, period)
    now, before = _figures(total(rows)), _figures(total(_steps(ask, period.before)))
    deltas = {name: change(value, before[name]) for name, value in now.items()}
    sparks = {
        "cost": [row.attempts.cost_nusd for row in rows], "requests": [asked(row).requests for row in rows],
        "saved": [max(0.0, saved_usd(row)) for row in rows], "per_1m": [usd_per_1m_tokens(row) for row in rows],
        "per_1k": [usd_per_1k_requests(row) for row in rows],
    }  # fmt: skip
    return {"figures": now, "before": before, "deltas": deltas, "sparks": sparks}


PAGE = Page(
    "overview", "Overview", "layout-dashboard", "What was spent, what it bought, and what routing and caching saved.",
    {
        "spend": spend_over_time, "month": month, "teams": teams, "models": models, "saved": saved    },
    context,
)  # fmt: skip
