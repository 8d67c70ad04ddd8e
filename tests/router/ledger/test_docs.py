"""docs/ledger.md and docs/cache.md say what is."""

import re
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from router.cache.key import NOT_IN_KEY
from router.ledger.dimensions import DIMENSIONS

DOCS = Path(__file__).parents[3] / "docs"
LEDGER = (DOCS / "ledger.md").read_text(encoding="utf-8")
QUERIES = re.findall(r"```sql\n(.*?)```", LEDGER, re.DOTALL)


def test_every_table_and_column_is_described(ledger, path):
    """Whoever adds one has to say what it is."""
    with closing(sqlite3.connect(path)) as connection:
        tables = [row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        columns = [(table, row[1]) for table in tables for row in connection.execute(f"PRAGMA table_info({table})")]
    assert len(tables) == 19
    for table, column in columns:
        section = LEDGER[LEDGER.index(f"`{table}`", LEDGER.index("## Tables")) :].split("\n### ")[0]
        named = re.sub(r"_\d+$", "_N", column)  # the buckets of a histogram
        assert column == "row" or f"`{named}`" in section, (table, column)


@pytest.mark.parametrize("query", QUERIES)
async def test_every_example_gives_an_answer(ledger, path, reservation, settlement, request_row, query):
    """The queries run on a real ledger and find what they look for."""
    for attempt, end in (("a1", "ok"), ("a2", "rejected"), ("a3", "unseen")):
        ledger.reserve(reservation(attempt))
        ledger.settle(settlement(attempt, end=end))
    ledger.record(request_row())
    await ledger.flush()
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute(query).fetchall()


def test_every_dimension_is_named():
    """What `spend` groups by stands in the page."""
    assert [name for name in DIMENSIONS if f"`{name}`" not in LEDGER] == []


def test_every_field_outside_the_cache_key_is_named():
    """What makes no difference to a repeat stands in the page about the cache."""
    page = (DOCS / "cache.md").read_text(encoding="utf-8")
    listed = page[page.index("do not change the answer:") : page.index("A field that Tiergate does not know")]
    assert set(re.findall(r"`(\w+)`", listed)) == NOT_IN_KEY
