"""Latency: percentiles of requests and of their first tokens; the overview brings it in once it is drawn."""

from router.dashboard.ask import Ask, Page
from router.dashboard.books import NS
from router.dashboard.dataset import Column, Dataset
from router.dashboard.state import DAY_S
from router.ledger.latency import Latency, Measure

_PERCENTILES = (50, 95, 99)


def _percentiles(ask: Ask, name: str, title: str, measure: Measure) -> Dataset:
    rows = ask.books.percentiles(ask.state.period, measure, ask.filters)
    columns = (
        Column("time", "Time", "day" if ask.state.period.step == DAY_S else "hour"),
        *(Column(f"p{share}", f"p{share}", "seconds") for share in _PERCENTILES),
    )
    made = tuple(((row.start_ns or 0) // NS, *(_quantile_s(row, share) for share in _PERCENTILES)) for row in rows)
    return Dataset(name, title, columns, made)


def _quantile_s(row: Latency, share: int) -> float | None:
    found = row.quantile_ns(share / 100)
    return None if found is None else found / NS


def whole(ask: Ask) -> Dataset:
    return _percentiles(ask, "whole", "Whole request", "duration")


def first_token(ask: Ask) -> Dataset:
    return _percentiles(ask, "first_token", "Time to the first token", "ttft")


PAGE = Page(
    "latency", "Latency", "compass", "How long requests take, and how long until their first token.",
    {"whole": whole, "first_token": first_token}, group="hidden",
)  # fmt: skip
