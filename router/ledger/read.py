"""Rows of the ledger as they were written: requests, each with what was tried for it."""

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

from router.ledger.sqlite import LedgerError, connect_reader


def recent(path: Path, n: int) -> list[dict[str, Any]]:
    """The last `n` requests, newest first, each with its settled attempts in order under `tried`.

    Raises LedgerError where there is no ledger.
    """
    with closing(connect_reader(path)) as connection:
        try:
            connection.execute("BEGIN")
            newest = connection.execute("SELECT * FROM request ORDER BY row DESC LIMIT ?", (n,)).fetchall()
            return [{**dict(row), "tried": _tried(connection, row["request_id"])} for row in newest]
        except sqlite3.Error as error:
            raise LedgerError(f"{path}: {error}") from error


def _tried(connection: sqlite3.Connection, request_id: str) -> list[dict[str, Any]]:
    rows = connection.execute("SELECT * FROM attempt WHERE request_id = ? ORDER BY seq", (request_id,))
    return [dict(row) for row in rows]
