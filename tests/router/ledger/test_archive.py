"""Old rows in files, their sums in the ledger."""

import sqlite3
from contextlib import closing

import pyarrow.parquet as pq
import pytest

from router.ledger import Correction
from router.ledger.archive import _delete_some, _note, _through, _write, archive
from router.ledger.sqlite import connect_writer
from router.ledger.sums import sums
from router.ledger.verify import differences

DAY_NS = 86_400 * 10**9


@pytest.fixture
async def ten_days(ledger, path, reservation, settlement, request_row):
    """Three requests a day for ten days, each with its attempt, some corrected; the last one still under way."""
    for n in range(30):
        started = n * DAY_NS // 3
        ledger.reserve(reservation(f"a{n}", request_id=f"r{n}", started_ns=started))
        ledger.settle(settlement(f"a{n}", ended_ns=started + 1))
        ledger.record(request_row(f"r{n}", started_ns=started, ended_ns=started + 1, tags={"day": str(n // 3)}))
        if n % 4 == 0:
            ledger.correct(Correction(f"c{n}", f"a{n}", started, "finance", "discount", cost_nusd=-5))
    ledger.reserve(reservation("open", request_id="open", started_ns=5 * DAY_NS))
    await ledger.flush()
    return path


def count(path, table):
    with closing(sqlite3.connect(path)) as connection:
        return connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0]


def kept_sums(path):
    return [
        sums(path, ["team"], every="day"),
        sums(path, ["tag.day"]),
        sums(path, ["kind"]),
        sums(path, ["key", "path"]),
    ]


def test_sums_stay_when_rows_go(ten_days, tmp_path):
    """No sum changes; the files hold what the tables held, and what is left still adds up."""
    before = kept_sums(ten_days)
    with closing(sqlite3.connect(ten_days)) as connection:
        rows = connection.execute("SELECT * FROM request WHERE row <= 18 ORDER BY row").fetchall()
    done = archive(ten_days, tmp_path / "old", before_ns=6 * DAY_NS, now_ns=1)
    assert kept_sums(ten_days) == before
    assert done.rows == {"reservation": 18, "settlement": 18, "correction": 5, "request": 18}
    (file,) = (file for file in done.files if file.name.startswith("request"))
    assert [tuple(row.values()) for row in pq.read_table(file).to_pylist()] == rows
    assert (count(ten_days, "request"), count(ten_days, "settlement")) == (12, 12)
    with closing(connect_writer(ten_days)) as connection:
        assert differences(connection, since_ns=6 * DAY_NS) == []


def test_a_second_archiving_takes_only_what_is_new(ten_days, tmp_path):
    """Each row goes into one file; with nothing to move no file is made."""
    first = archive(ten_days, tmp_path, before_ns=2 * DAY_NS, now_ns=1)
    assert archive(ten_days, tmp_path, before_ns=2 * DAY_NS, now_ns=2).files == ()
    second = archive(ten_days, tmp_path, before_ns=4 * DAY_NS, now_ns=3)
    assert (first.rows["request"], second.rows["request"]) == (6, 6)


def test_an_edge_inside_an_archived_hour_takes_the_whole_hour(ten_days, tmp_path):
    """Where the rows of an hour are gone, a period that begins or ends inside it has all of it."""
    archive(ten_days, tmp_path, before_ns=6 * DAY_NS, now_ns=1)
    (row,) = sums(ten_days, since_ns=DAY_NS + 1, until_ns=2 * DAY_NS + 1)
    assert row.attempts.attempts == 4


def test_nothing_else_can_be_deleted(ten_days, tmp_path):
    """After an archiving as before, rows that no file holds stay, and the archived attempt takes no correction."""
    archive(ten_days, tmp_path, before_ns=2 * DAY_NS, now_ns=1)
    with closing(sqlite3.connect(ten_days)) as connection:
        for table in ("reservation", "settlement", "correction", "request", "archive"):
            with pytest.raises(sqlite3.IntegrityError, match="append-only"):
                connection.execute(f"DELETE FROM {table}")


async def test_an_archived_attempt_takes_no_correction(ten_days, ledger, tmp_path):
    """Its sums could not follow: the row is refused and counted, and the ledger goes on."""
    archive(ten_days, tmp_path, before_ns=2 * DAY_NS, now_ns=1)
    ledger.correct(Correction("late", "a1", 1, "finance", "too late", cost_nusd=-1))
    await ledger.flush()
    assert (ledger.lost, ledger.failing) == (1, None)


def test_a_run_that_was_killed_is_finished_by_the_next(ten_days, tmp_path):
    """Killed after the files were named and some rows deleted, nothing is lost, nothing is archived twice."""
    before = kept_sums(ten_days)
    with closing(connect_writer(ten_days)) as connection:
        through = _through(connection, 6 * DAY_NS)
        made = _write(connection, tmp_path, through, 1)
        _note(connection, made, through, 6 * DAY_NS, 1)
        assert _delete_some(connection, {"reservations": 7, "requests": 2}) == 9
    assert archive(ten_days, tmp_path, before_ns=6 * DAY_NS, now_ns=2).files == ()
    assert kept_sums(ten_days) == before
    assert count(ten_days, "request") == 12


async def test_rows_are_never_numbered_twice(ten_days, ledger, tmp_path, reservation, settlement, request_row):
    """With everything old archived, what comes next is new, not covered by the archive and not recovered."""
    ledger.settle(settlement("open"))
    ledger.record(request_row("open", started_ns=5 * DAY_NS))
    await ledger.flush()
    archive(ten_days, tmp_path, before_ns=100 * DAY_NS, now_ns=1)
    ledger.reserve(reservation("next", request_id="next", started_ns=200 * DAY_NS))
    ledger.settle(settlement("next"))
    await ledger.flush()
    assert sums(ten_days, since_ns=150 * DAY_NS) == []
    ledger.record(request_row("next", started_ns=200 * DAY_NS))
    await ledger.flush()
    assert sums(ten_days, since_ns=150 * DAY_NS)[0].attempts.attempts == 1
