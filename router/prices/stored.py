"""Stored prices: the figures behind each price version of the ledger, in the ledger's file."""

import sqlite3
from collections.abc import Mapping
from contextlib import closing
from decimal import Decimal
from pathlib import Path
from typing import Any

import orjson

from router.ledger.sqlite import LedgerError, connect_reader, transaction
from router.money import Price
from router.prices.book import PriceBook

_BUSY_S = 5.0
_FIGURES = ("input", "output", "cached_input", "cache_write", "reasoning")
_TABLE = """
CREATE TABLE IF NOT EXISTS price (
  version TEXT PRIMARY KEY,
  figures TEXT NOT NULL,
  basis TEXT NOT NULL,
  source TEXT NOT NULL,
  since TEXT NOT NULL,
  seen_ns INTEGER NOT NULL
) STRICT, WITHOUT ROWID
"""


def write(path: Path, book: PriceBook, now_ns: int) -> None:
    """Keep the figures of every price in the book; what is kept already stays. Raises sqlite3.Error."""
    rows = [
        (price.version, orjson.dumps(plain(price)).decode(), quote.basis, quote.source, quote.since, now_ns)
        for quote in book.quotes.values()
        for price in (quote.price, *quote.by_class.values())
        if price is not None
    ]
    with closing(sqlite3.connect(path, timeout=_BUSY_S, isolation_level=None)) as connection, transaction(connection):
        connection.execute(_TABLE)
        connection.executemany("INSERT OR IGNORE INTO price VALUES (?, ?, ?, ?, ?, ?)", rows)


def read(path: Path) -> dict[str, Price]:
    """Version to price; none where none were kept. Raises LedgerError where there is no ledger."""
    with closing(connect_reader(path)) as connection:
        try:
            if not connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'price'").fetchone():
                return {}
            rows = connection.execute("SELECT version, figures FROM price").fetchall()
        except sqlite3.Error as error:
            raise LedgerError(f"{path}: {error}") from error
    return {version: _price(orjson.loads(figures)) for version, figures in rows}


def plain(price: Price) -> dict[str, Any]:
    """A price as JSON: USD per million tokens as text, so that nothing is rounded; unknown figures are left out."""
    told: dict[str, Any] = {name: str(figure) for name in _FIGURES if (figure := getattr(price, name)) is not None}
    if price.over:
        told["over"] = [[bound, plain(step)] for bound, step in price.over]
    if price.batch is not None:
        told["batch"] = plain(price.batch)
    return told


def _price(told: Mapping[str, Any]) -> Price:
    figures = {name: Decimal(told[name]) for name in _FIGURES if name in told}
    over = {bound: _price(step) for bound, step in told.get("over", ())}
    return Price.of(**figures, over=over, batch=_price(told["batch"]) if "batch" in told else None)
