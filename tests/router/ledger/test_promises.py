"""What the tables themselves refuse, and what an opening does."""

import sqlite3
from contextlib import closing

import pytest

from router.ledger import Ledger, LedgerError
from router.ledger.types import Correction

TABLES = ("reservation", "settlement", "request", "correction", "recovery", "schema_version")


@pytest.fixture
async def filled(ledger, path, reservation, settlement, request_row):
    ledger.reserve(reservation())
    ledger.settle(settlement())
    ledger.record(request_row())
    ledger.correct(Correction("c1", "a1", 5_000, "finance", "wrong price", cost_nusd=-10))
    await ledger.flush()
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        yield connection


@pytest.mark.parametrize("table", TABLES)
def test_no_row_is_ever_changed_or_deleted(filled, table):
    """UPDATE and DELETE fail on every table, whoever tries."""
    column = filled.execute(f"SELECT name FROM pragma_table_info('{table}') WHERE name <> 'row'").fetchone()[0]
    with pytest.raises(sqlite3.IntegrityError, match="append-only"):
        filled.execute(f"UPDATE {table} SET {column} = {column}")
    with pytest.raises(sqlite3.IntegrityError, match="append-only"):
        filled.execute(f"DELETE FROM {table}")


@pytest.mark.parametrize("key", ["attempt_id", "row"])
def test_no_row_is_ever_replaced(filled, key):
    """INSERT OR REPLACE over a row leaves it as it was, by its id and by its number."""
    same = {"attempt_id": "'a1', NULL", "row": "'other', 1"}[key]
    filled.execute(
        "INSERT OR REPLACE INTO settlement (attempt_id, row, ended_ns, outcome, estimated, cost_nusd,"
        f" price_version, error, finish_reason) VALUES ({same}, 1, 'ok', 0, 1, '', '', '')"
    )
    assert filled.execute("SELECT attempt_id, cost_nusd FROM settlement").fetchall() == [("a1", 40)]


def test_a_correction_is_a_row_of_its_own(filled):
    """The settlement stays as it was; what reads attempts sees it corrected."""
    assert filled.execute("SELECT cost_nusd FROM settlement").fetchone() == (40,)
    assert filled.execute("SELECT cost_nusd, input_tokens FROM attempt").fetchone() == (30, 7)


async def test_a_correction_can_make_an_unknown_cost_known(ledger, path, reservation, settlement):
    """Differences are added to nothing where the cost was unknown, and add up."""
    ledger.reserve(reservation())
    ledger.settle(settlement(cost_nusd=None))
    ledger.correct(Correction("c1", "a1", 1, "finance", "price found", cost_nusd=100))
    ledger.correct(Correction("c2", "a1", 2, "finance", "discount", cost_nusd=-25))
    await ledger.flush()
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("SELECT cost_nusd FROM attempt").fetchone() == (75,)


def test_an_attempt_without_an_end_is_settled_at_its_reservation(path, reservation, settlement):
    """The next opening settles what was left open as `unseen`, once, at its reservation, tokens unknown."""
    first = Ledger.open(path)
    first.reserve(reservation("seen", cost_nusd=50))
    first.settle(settlement("seen", cost_nusd=40))
    first.reserve(reservation("left", cost_nusd=60))
    first.reserve(reservation("unpriced", cost_nusd=None))
    first.close()
    second = Ledger.open(path, now_ns=lambda: 9_000)
    second.reserve(reservation("later"))
    second.close()
    third = Ledger.open(path)
    third.close()
    assert (first.recovered, second.recovered, third.recovered) == (0, 2, 1)
    query = "SELECT attempt_id, outcome, estimated, cost_nusd, output_tokens FROM attempt"
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute(f"{query} WHERE ended_ns <= 9000").fetchall() == [
            ("seen", "ok", 0, 40, 3),
            ("left", "unseen", 1, 60, None),
            ("unpriced", "unseen", 1, None, None),
        ]


def test_a_running_gateway_keeps_its_ledger(ledger, path):
    """A second gateway is refused, so that it cannot settle the first one's open attempts."""
    with pytest.raises(LedgerError, match="running gateway"):
        Ledger.open(path)


def test_a_file_that_is_no_ledger_is_left_alone(path):
    """Opening something else says which file and why, and changes nothing."""
    path.write_bytes(b"these are not the pages you are looking for" * 100)
    before = path.read_bytes()
    with pytest.raises(LedgerError, match=r"ledger\.db: file is not a database"):
        Ledger.open(path)
    assert path.read_bytes() == before


def test_a_newer_ledger_is_not_written(ledger, path):
    """A ledger of a later schema is refused by name of both versions."""
    ledger.close()
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("INSERT INTO schema_version VALUES (7, 0)")
    with pytest.raises(LedgerError, match="schema 7, this Tiergate writes schema 4"):
        Ledger.open(path)


def test_a_place_that_cannot_be_written_is_named(tmp_path):
    """The error names the file and the setting that mends it."""
    (tmp_path / "var").write_text("a file where a folder should be")
    with pytest.raises(LedgerError, match=r"state\.ledger"):
        Ledger.open(tmp_path / "var" / "ledger.db")
