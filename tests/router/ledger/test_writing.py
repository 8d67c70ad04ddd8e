"""Rows handed to the ledger."""

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from router.ledger import Ledger, LedgerError
from router.ledger.schema import prepare
from router.ledger.sqlite import connect_writer
from router.ledger.writer import Writer


def rows(path: Path, query: str) -> list[tuple[Any, ...]]:
    with closing(sqlite3.connect(path)) as connection:
        return connection.execute(query).fetchall()


async def test_what_was_handed_over_is_there_after_a_flush(ledger, path, reservation, settlement, request_row):
    """Flush returns once every row handed over before it is committed, with every field as it was given."""
    ledger.reserve(reservation())
    ledger.settle(settlement(confidence=0.25, ttft_ns=None))
    ledger.record(request_row(tags={"workload": "chät"}, facts={"turns": 2}))
    await ledger.flush()
    assert rows(path, "SELECT attempt_id, team, cost_nusd, price_version FROM reservation") == [
        ("a1", "search", 50, "p1")
    ]
    assert rows(path, "SELECT outcome, cost_nusd, confidence, ttft_ns FROM settlement") == [("ok", 40, 0.25, None)]
    assert rows(path, "SELECT tags, facts, stream FROM request") == [('{"workload":"chät"}', '{"turns":2}', 0)]


async def test_closing_writes_what_waits(path, reservation):
    """Nothing that was handed over before a clean end is lost."""
    ledger = Ledger.open(path)
    for number in range(5_000):
        ledger.reserve(reservation(f"a{number}"))
    assert ledger.close() == 0
    assert rows(path, "SELECT count(*), count(DISTINCT attempt_id) FROM reservation") == [(5_000, 5_000)]


async def test_a_row_counts_once_however_often_it_comes(ledger, path, settlement):
    """A second settlement of an attempt changes nothing."""
    ledger.settle(settlement(cost_nusd=40))
    ledger.settle(settlement(cost_nusd=99))
    await ledger.flush()
    assert rows(path, "SELECT cost_nusd FROM settlement") == [(40,)]
    assert ledger.lost == 0


async def test_a_row_that_fits_no_table_does_not_stop_the_others(ledger, path, reservation):
    """One broken row is refused, counted and logged; its neighbours of the same group are written."""
    ledger.reserve(reservation("before"))
    ledger.reserve(reservation("broken", cost_nusd=2**80))
    ledger.reserve(reservation("also broken", tier="\ud800"))
    ledger.reserve(reservation("after"))
    await ledger.flush()
    assert rows(path, "SELECT attempt_id FROM reservation ORDER BY row") == [("before",), ("after",)]
    assert (ledger.lost, ledger.failing) == (2, None)


async def test_unknown_cost_is_stored_as_unknown(ledger, path, reservation, settlement):
    """A cost of None never becomes 0."""
    ledger.reserve(reservation(cost_nusd=None))
    ledger.settle(settlement(cost_nusd=None))
    await ledger.flush()
    assert rows(path, "SELECT reserved_nusd, cost_nusd FROM attempt") == [(None, None)]


async def test_nothing_waits_for_a_locked_database(path, reservation, failure_heard):
    """While another holds the database, rows wait in memory, the lag says so, and later all are written."""
    now = [100.0]
    ledger = Ledger.open(path, clock=lambda: now[0])
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    for number in range(300):
        ledger.reserve(reservation(f"a{number}"))
    assert failure_heard.wait()
    now[0] = 103.0
    assert ledger.lag_s() == 3.0
    assert "locked" in ledger.failing
    other.execute("ROLLBACK")
    other.close()
    await ledger.flush()
    assert (ledger.lag_s(), ledger.failing, ledger.lost) == (0.0, None, 0)
    expected = [(f"a{number}",) for number in range(300)]
    assert rows(path, "SELECT attempt_id FROM reservation ORDER BY row") == expected
    ledger.close()


async def test_a_full_disk_loses_no_row(path, reservation, failure_heard):
    """What SQLite refuses with "disk is full" is written, in order and once, when there is room again."""
    room = [False]

    def connect() -> sqlite3.Connection:
        connection = connect_writer(path)
        if not room[0]:
            connection.execute("PRAGMA max_page_count = 1")
        return connection

    with closing(connect_writer(path)) as connection:
        prepare(connection, now_ns=0)
    writer = Writer(connect, clock=lambda: 0.0)
    writer.start()
    for number in range(2_000):
        writer.put(reservation(f"a{number}"))
    assert failure_heard.wait()
    assert "full" in writer.failing
    room[0] = True
    await writer.flush()
    assert rows(path, "SELECT count(*), min(row), max(row) FROM reservation") == [(2_000, 1, 2_000)]
    assert writer.close(5.0) == 0


async def test_memory_is_bounded(path, reservation, failure_heard):
    """Past its limit the writer drops rows and counts them, and the rest is still written."""
    with closing(connect_writer(path)) as connection:
        prepare(connection, now_ns=0)
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    writer = Writer(lambda: connect_writer(path), clock=lambda: 0.0, most_waiting=10)
    writer.start()
    writer.put(reservation("first"))
    assert failure_heard.wait()
    for number in range(15):
        writer.put(reservation(f"a{number}"))
    assert writer.dropped == 5
    other.close()
    await writer.flush()
    assert rows(path, "SELECT count(*) FROM reservation") == [(11,)]
    writer.close(5.0)


async def test_a_closed_ledger_says_so(path, reservation):
    """After the end rows are counted as lost and a flush fails, rather than wait for ever."""
    ledger = Ledger.open(path)
    ledger.close()
    ledger.reserve(reservation())
    assert ledger.lost == 1
    with pytest.raises(LedgerError, match="closed"):
        await ledger.flush()


async def test_closing_says_what_it_could_not_write(path, reservation, failure_heard):
    """A close that runs out of time returns the number of rows that are lost with it."""
    ledger = Ledger.open(path)
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    ledger.reserve(reservation("a1"))
    ledger.reserve(reservation("a2"))
    assert failure_heard.wait()
    assert ledger.close(timeout_s=0.01) == 2
    other.close()
