"""Prices: what a token costs on each tier today, and where that figure comes from."""

from decimal import Decimal
from typing import Any

from router.dashboard.ask import Ask, Page
from router.dashboard.dataset import Column, Dataset
from router.money import Price


def tiers(ask: Ask) -> Dataset:
    columns = (
        Column("tier", "Tier"), Column("model", "Model"), Column("class", "Class"), Column("input", "Input", "usd"),
        Column("cached_input", "Cached input", "usd"), Column("output", "Output", "usd"), Column("basis", "Basis"),
        Column("source", "Source"), Column("since", "Since"), Column("version", "Version"),
    )  # fmt: skip
    made = []
    for name, tier in ask.snapshot.config.tiers.items():
        quote = ask.snapshot.prices.quotes.get(name)
        if quote is None:
            continue
        kinds: dict[str, Price | None] = {"": quote.price, **quote.by_class}
        for kind, price in kinds.items():
            made.append((
                name, tier.model, kind or "any", *_figures(price), quote.basis, quote.source, quote.since,
                price.version if price else "",
            ))  # fmt: skip
    note = "USD per million tokens. A price's version stands on every row of the ledger that it priced."
    return Dataset("tiers", "Tiers", columns, tuple(made), note)


def _figures(price: Price | None) -> tuple[float | None, float | None, float | None]:
    if price is None:
        return None, None, None
    cached = price.input if price.cached_input is None else price.cached_input
    return _plain(price.input), _plain(cached), _plain(price.output)


def _plain(figure: Decimal) -> float:
    return float(figure)


def unknown(ask: Ask) -> Dataset:
    """Attempts without a known price: their cost is missing from every sum."""
    rows = ask.books.sums(ask.state.period, ("tier", "model"), ask.filters)
    columns = (
        Column("tier", "Tier"), Column("model", "Model"), Column("unknown", "Attempts without a price", "count"),
        Column("attempts", "of", "count"),
    )  # fmt: skip
    made = tuple(
        (row.by["tier"], row.by["model"], row.attempts.unknown_cost, row.attempts.attempts)
        for row in rows
        if row.attempts.unknown_cost
    )
    return Dataset("unknown", "Unknown cost", columns, made, "Their cost is missing from every sum; it is not 0.")


def context(ask: Ask) -> dict[str, Any]:
    return {"missing": [name for name in ask.snapshot.config.tiers if ask.snapshot.prices.price(name) is None]}


PAGE = Page(
    "prices", "Prices", "tag", "What a token costs on each tier, and where that figure comes from.",
    {"tiers": tiers, "unknown": unknown}, context,
)  # fmt: skip
