"""Rows on their way from the -wal file into the ledger itself."""

import shutil
import sqlite3
from contextlib import closing
from functools import partial

from router.ledger.checkpoint import catch_up
from router.ledger.insert import insert
from router.ledger.schema import prepare
from router.ledger.sqlite import connect_writer


def test_what_was_caught_up_is_in_the_file_itself(path, tmp_path, reservation):
    """After a pass the ledger without its -wal file has every row, and the -wal file begins anew."""
    with closing(connect_writer(path)) as writer:
        prepare(writer, now_ns=0)
        insert(writer, [reservation(f"a{number}") for number in range(500)])
        assert catch_up(partial(connect_writer, path))
        shutil.copy(path, tmp_path / "alone.db")
        size = path.with_name("ledger.db-wal").stat().st_size
        insert(writer, [reservation("later")])
        assert path.with_name("ledger.db-wal").stat().st_size == size
    with closing(sqlite3.connect(tmp_path / "alone.db")) as alone:
        assert alone.execute("SELECT count(*) FROM reservation").fetchone() == (500,)


def test_a_writer_in_the_middle_of_its_work_is_not_in_the_way(path, reservation):
    """A pass moves what is committed while a transaction is open, and neither waits for the other."""
    with closing(connect_writer(path)) as writer:
        prepare(writer, now_ns=0)
        writer.execute("BEGIN IMMEDIATE")
        assert catch_up(partial(connect_writer, path))
        writer.execute("COMMIT")


def test_a_reader_in_the_middle_of_its_work_only_delays_it(path, reservation):
    """What a long read still needs is moved later; the pass says so and ends."""
    with closing(connect_writer(path)) as writer, closing(sqlite3.connect(path, isolation_level=None)) as reader:
        prepare(writer, now_ns=0)
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM reservation").fetchone()
        insert(writer, [reservation("later")])
        assert not catch_up(partial(connect_writer, path))
        reader.execute("COMMIT")
        assert catch_up(partial(connect_writer, path))
