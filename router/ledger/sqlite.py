"""Connections to a ledger's SQLite file."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

OLDEST = (3, 37)  # the first with STRICT tables
_MOST_WAL_PAGES = 50_000  # 200 MB: under a load without a pause a commit must begin the file anew now and then
Synchronous = Literal["NORMAL", "FULL"]


class LedgerError(Exception):
    """The ledger cannot be used; the message says which file, why, and what to do."""


def connect_writer(path: Path, *, synchronous: Synchronous = "NORMAL", busy_s: float = 0.25) -> sqlite3.Connection:
    """A connection in WAL mode with explicit transactions, usable from any one thread at a time.

    NORMAL: a committed row survives the death of the process, not always that of the machine. FULL: both.
    Raises LedgerError where SQLite is too old.
    """
    if sqlite3.sqlite_version_info < OLDEST:
        needed = ".".join(map(str, OLDEST))
        raise LedgerError(f"SQLite {sqlite3.sqlite_version} is too old: use a Python with SQLite {needed} or newer")
    connection = sqlite3.connect(path, timeout=busy_s, isolation_level=None, check_same_thread=False)
    try:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute(f"PRAGMA synchronous = {synchronous}")
        connection.execute(f"PRAGMA wal_autocheckpoint = {_MOST_WAL_PAGES}")
    except BaseException:
        connection.close()
        raise
    return connection


def connect_reader(path: Path) -> sqlite3.Connection:
    """A read-only connection that never blocks the writer. Raises LedgerError where there is no ledger."""
    if not path.is_file():
        raise LedgerError(f"{path}: no ledger is there; a gateway makes it at its first start (setting state.ledger)")
    connection = sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, timeout=5.0, isolation_level=None)
    connection.row_factory = sqlite3.Row
    return connection


@contextmanager
def transaction(connection: sqlite3.Connection) -> Iterator[None]:
    """All of the block's writes or none."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


@contextmanager
def savepoint(connection: sqlite3.Connection) -> Iterator[None]:
    """All of the block's writes or none, inside a transaction."""
    connection.execute("SAVEPOINT block")
    try:
        yield
    except BaseException:
        connection.execute("ROLLBACK TO block")
        connection.execute("RELEASE block")
        raise
    connection.execute("RELEASE block")
