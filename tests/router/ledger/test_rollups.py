"""The rollups against the rows: whatever is written, in whatever order, they never disagree."""

import shutil
import sqlite3
from contextlib import closing

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from router.ledger import Correction, Ledger, RequestRow, Reservation, Settlement
from router.ledger.cubes import CUBES
from router.ledger.insert import insert
from router.ledger.schema import prepare, rebuild, settle_unseen
from router.ledger.sqlite import connect_writer
from router.ledger.sums import sums, total
from router.ledger.verify import differences

HOUR_NS = 3_600 * 10**9
IDS = st.sampled_from(["a", "b", "c", "d"])
MOMENTS = st.sampled_from([0, 1, HOUR_NS - 1, HOUR_NS, 30 * HOUR_NS])
NUMBERS = st.integers(0, 1_000)
COSTS = st.none() | NUMBERS
WORDS = st.sampled_from(["", "x", "y"])

RESERVATIONS = st.builds(
    Reservation, attempt_id=IDS, request_id=IDS, seq=NUMBERS, kind=st.sampled_from(["primary", "draft", "fallback"]),
    tier=WORDS, replica=WORDS, model=WORDS, started_ns=MOMENTS, team=WORDS, key_id=WORDS, cost_nusd=COSTS,
)  # fmt: skip
SETTLEMENTS = st.builds(
    Settlement, attempt_id=IDS, ended_ns=MOMENTS, end=st.sampled_from(["ok", "rejected", "cut"]), status=NUMBERS,
    input_tokens=NUMBERS, cached_input_tokens=NUMBERS, output_tokens=NUMBERS, reasoning_tokens=NUMBERS,
    estimated=st.booleans(), cost_nusd=COSTS, price_version=WORDS,
)  # fmt: skip
REQUESTS = st.builds(
    RequestRow, request_id=IDS, started_ns=MOMENTS, ended_ns=MOMENTS, path=WORDS, client_model=WORDS, policy=WORDS,
    decision=WORDS, tier=WORDS, model=WORDS, status=st.sampled_from([200, 499, 503]), cache=WORDS, attempts=NUMBERS,
    stream=st.booleans(), input_tokens=NUMBERS, cached_input_tokens=NUMBERS, output_tokens=NUMBERS,
    reasoning_tokens=NUMBERS, estimated=st.booleans(), cost_nusd=COSTS, team=WORDS, tags=st.dictionaries(WORDS, WORDS),
    ttft_ns=st.none() | st.integers(0, 10**11), overhead_ns=COSTS, baseline_nusd=COSTS,
    saved=st.dictionaries(st.sampled_from(["routing", "exact"]), st.integers(-500, 500)),
)  # fmt: skip
CORRECTIONS = st.builds(
    Correction, correction_id=IDS, attempt_id=IDS, made_ns=MOMENTS, author=WORDS, reason=WORDS,
    cost_nusd=st.none() | st.integers(-500, 500), output_tokens=st.none() | st.integers(-5, 5),
)  # fmt: skip
RECOVERY = st.just("recovery")
GROUPS = st.lists(
    st.lists(RESERVATIONS | SETTLEMENTS | REQUESTS | CORRECTIONS, max_size=5) | RECOVERY, min_size=1, max_size=12
)


@pytest.fixture(scope="module")
def empty(tmp_path_factory):
    """A ledger without rows, to be copied."""
    path = tmp_path_factory.mktemp("empty") / "ledger.db"
    with closing(connect_writer(path)) as connection:
        prepare(connection, now_ns=0)
    return path


@settings(max_examples=60, deadline=None)
@given(groups=GROUPS)
def test_rollups_equal_the_rows_after_any_history(empty, groups):
    """Repeated rows, late ends, requests before and after their attempts, corrections of anything, crashes."""
    path = empty.with_name("one.db")
    shutil.copy(empty, path)
    with closing(connect_writer(path)) as connection:
        for group in groups:
            if group == "recovery":
                settle_unseen(connection, now_ns=5)
            else:
                insert(connection, group)
            assert differences(connection) == []


async def test_a_refused_row_leaves_no_trace_in_the_rollups(ledger, path, reservation, settlement, request_row):
    """Rows beside one that no table takes are added up once, although the group is written again row by row."""
    ledger.reserve(reservation("a1"))
    ledger.settle(settlement("a1"))
    ledger.settle(settlement("broken", cost_nusd=2**80))
    ledger.record(request_row())
    await ledger.flush()
    assert sums(path)[0].attempts.attempts == 1
    with closing(connect_writer(path)) as connection:
        assert differences(connection) == []


async def test_an_attempt_without_its_request_counts_after_the_next_start(path, reservation, settlement):
    """What a killed gateway had settled is told without the request's dimensions, once."""
    ledger = Ledger.open(path)
    ledger.reserve(reservation("a1"))
    ledger.settle(settlement("a1"))
    ledger.reserve(reservation("a2"))
    await ledger.flush()
    assert sums(path) == []
    ledger.close()
    for _ in range(2):
        Ledger.open(path).close()
    (row,) = sums(path, ["policy"])
    assert (row.by, row.attempts.attempts, row.attempts.unseen, row.attempts.cost_nusd) == ({"policy": ""}, 2, 1, 90)


async def test_a_rollup_that_was_tampered_with_is_found(ledger, path, reservation, settlement, request_row):
    """Verify names the table and the figure; a rebuild mends it."""
    ledger.reserve(reservation())
    ledger.settle(settlement())
    ledger.record(request_row(tags={"a": "b"}))
    await ledger.flush()
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("UPDATE rollup SET cost_nusd = cost_nusd + 1 WHERE span_s = 86400")
    with closing(connect_writer(path)) as connection:
        (found,) = differences(connection)
        assert (found.table, found.span_s, found.excess) == ("rollup", 86_400, {"cost_nusd": 1})
        rebuild(connection)
        assert differences(connection) == []


def test_every_rollup_has_its_measures_once():
    """No measure of attempts has the name of one of requests, so that a row can hold both."""
    for cube in CUBES:
        assert len(set(cube.measures)) == len(cube.measures)


def test_an_older_ledger_gets_its_rollups(empty, tmp_path, reservation, settlement, request_row):
    """Opening a ledger of version 1 adds what it lacks, keeps every row, and sums what was there."""
    path = tmp_path / "old.db"
    shutil.copy(empty, path)
    with closing(connect_writer(path)) as connection:
        insert(connection, [reservation(), settlement(), request_row(), reservation("a2", request_id="r2")])
    with closing(connect_writer(path)) as connection:
        as_version_1(connection)
    before = path.read_bytes()
    Ledger.open(path).close()
    assert path.read_bytes() != before
    whole = total(sums(path))
    assert (whole.attempts.attempts, whole.attempts.unseen, whole.attempts.cost_nusd) == (2, 1, 90)
    with closing(connect_writer(path)) as connection:
        assert differences(connection) == []


def as_version_1(connection):
    """Undo what later versions added."""
    for cube in CUBES:
        connection.execute(f"DROP TABLE {cube.name}")
    for groups in {cube.groups for cube in CUBES}:
        connection.execute(f"DROP TABLE {groups}")
    for column in ("baseline_nusd", "saved"):
        connection.execute(f"ALTER TABLE request DROP COLUMN {column}")
    connection.execute("DROP TABLE archive")
    connection.execute("DROP TRIGGER correction_of_an_attempt")
    connection.execute("DROP TRIGGER schema_version_no_update")
    connection.execute("UPDATE schema_version SET version = 1")
    connection.execute(
        "CREATE TRIGGER schema_version_no_update BEFORE UPDATE ON schema_version"
        " BEGIN SELECT RAISE(ABORT, 'the ledger is append-only: write a correction'); END"
    )
