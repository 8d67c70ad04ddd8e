"""Old rows into Parquet files, and out of the ledger; what they add up to stays in the rollups.

In this order, so that a kill at any moment loses nothing: the files, whole and under their own names; a row of
`archive` that names them; the deletion, in small groups between which a gateway writes. A run that was killed in the
middle of deleting is finished by the next.
"""

import json
import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from router.ledger.sqlite import LedgerError, connect_writer, transaction

_AT_ONCE = 500  # rows deleted in one transaction: a few milliseconds
_OF_ARCHIVED = "attempt_id IN (SELECT attempt_id FROM reservation WHERE row <= :reservations)"
_ROWS = {
    "reservation": "row <= :reservations",
    "settlement": _OF_ARCHIVED,
    "correction": _OF_ARCHIVED,
    "request": "row <= :requests",
}

# The first row that has to stay: too young, still under way, or needed by an attempt that stays.
_FIRST_RESERVATION = """
SELECT min(a.row) FROM reservation a WHERE a.started_ns >= :before_ns
  OR NOT EXISTS (SELECT 1 FROM settlement s WHERE s.attempt_id = a.attempt_id)
  OR (a.row > (SELECT coalesce(max(reservations_through), 0) FROM recovery)
    AND NOT EXISTS (SELECT 1 FROM request q WHERE q.request_id = a.request_id))"""
_FIRST_REQUEST = """
SELECT min(q.row) FROM request q WHERE q.started_ns >= :before_ns
  OR EXISTS (SELECT 1 FROM reservation a WHERE a.request_id = q.request_id AND a.row > :reservations)"""


@dataclass(frozen=True, slots=True)
class Archived:
    """rows: how many of each table went into `files`."""

    rows: dict[str, int]
    files: tuple[Path, ...]


def archive(path: Path, folder: Path, *, before_ns: int, now_ns: int) -> Archived:
    """Move what started before `before_ns` (Unix time) into Parquet files in `folder`; a gateway may run meanwhile.

    Raises LedgerError where the ledger cannot be read, ImportError without pyarrow.
    """
    with closing(connect_writer(path, busy_s=10)) as connection:
        try:
            _delete(connection)  # what an earlier run was killed before deleting
            through = _through(connection, before_ns)
            made = _write(connection, folder, through, now_ns)
            if made.files:
                _note(connection, made, through, before_ns, now_ns)
                _delete(connection)
        except sqlite3.Error as error:
            raise LedgerError(f"{path}: {error}") from error
    return made


def archived_before_ns(connection: sqlite3.Connection) -> int:
    """Rows that started before this moment (Unix time) may be archived; 0 where none are."""
    return int(connection.execute("SELECT coalesce(max(before_ns), 0) FROM archive").fetchone()[0])


def _through(connection: sqlite3.Connection, before_ns: int) -> dict[str, int]:
    """The last row of each table that may go; never the very last, so that no number is given twice."""
    through = {"before_ns": before_ns}
    for name, table, query in (
        ("reservations", "reservation", _FIRST_RESERVATION),
        ("requests", "request", _FIRST_REQUEST),
    ):
        first = connection.execute(query, through).fetchone()[0]
        last = connection.execute(f"SELECT coalesce(max(row), 1) FROM {table}").fetchone()[0]
        through[name] = min(last, last if first is None else first) - 1
    return through


def _write(connection: sqlite3.Connection, folder: Path, through: dict[str, int], now_ns: int) -> Archived:
    rows, files = {}, []
    folder.mkdir(parents=True, exist_ok=True)
    for table, where in _ROWS.items():
        cursor = connection.execute(f"SELECT * FROM {table} WHERE {where} ORDER BY row", through)
        target = folder / f"{table}-{now_ns}.parquet"
        rows[table] = _parquet(cursor, target, _types(connection, table))
        if rows[table]:
            files.append(target)
    return Archived(rows, tuple(files))


def _types(connection: sqlite3.Connection, table: str) -> dict[str, str]:
    return {row[1]: row[2] for row in connection.execute(f"PRAGMA table_info({table})")}


def _parquet(cursor: sqlite3.Cursor, target: Path, types: dict[str, str]) -> int:
    """Rows into a file, whole and on the disk or not there at all; how many."""
    try:
        import pyarrow as pa
        import pyarrow.parquet as pq
    except ImportError as error:
        raise ImportError("Parquet needs pyarrow: pip install 'tiergate[export]'") from error
    kinds = {"INTEGER": pa.int64(), "TEXT": pa.string(), "REAL": pa.float64()}
    schema = pa.schema([(name, kinds[kind]) for name, kind in types.items()])
    count, part = 0, target.with_suffix(".part")
    with pq.ParquetWriter(part, schema, compression="zstd") as writer:
        for rows in _batches(cursor):
            told = zip(zip(*rows, strict=True), types.values(), strict=True)
            columns = [pa.array(column, kinds[kind]) for column, kind in told]
            writer.write_table(pa.table(columns, schema=schema))
            count += len(rows)
    if count == 0:
        part.unlink()
        return 0
    with part.open("rb") as written:
        os.fsync(written.fileno())
    part.rename(target)
    return count


def _batches(cursor: sqlite3.Cursor) -> Iterator[list[Any]]:
    while rows := cursor.fetchmany(50_000):
        yield rows


def _note(connection: sqlite3.Connection, made: Archived, through: dict[str, int], before_ns: int, now_ns: int) -> None:
    files = json.dumps([str(file) for file in made.files])
    with transaction(connection):
        connection.execute(
            "INSERT INTO archive (archived_ns, before_ns, reservations_through, requests_through, files)"
            " VALUES (?, ?, ?, ?, ?)",
            (now_ns, before_ns, through["reservations"], through["requests"], files),
        )


def _delete(connection: sqlite3.Connection) -> None:
    """Whatever is archived, a few rows at a time."""
    found = connection.execute(
        "SELECT coalesce(max(reservations_through), 0), coalesce(max(requests_through), 0) FROM archive"
    ).fetchone()
    through = dict(zip(("reservations", "requests"), found, strict=True))
    while _delete_some(connection, through):
        pass


def _delete_some(connection: sqlite3.Connection, through: dict[str, int]) -> int:
    with transaction(connection):
        attempts = connection.execute(
            "SELECT row, attempt_id FROM reservation WHERE row <= ? ORDER BY row LIMIT ?",
            (through["reservations"], _AT_ONCE),
        ).fetchall()
        connection.executemany("DELETE FROM reservation WHERE row = ?", [(row,) for row, _ in attempts])
        for table in ("settlement", "correction"):
            connection.executemany(f"DELETE FROM {table} WHERE attempt_id = ?", [(name,) for _, name in attempts])
        requests = connection.execute(
            "DELETE FROM request WHERE row IN (SELECT row FROM request WHERE row <= ? ORDER BY row LIMIT ?)",
            (through["requests"], _AT_ONCE),
        ).rowcount
    return len(attempts) + int(requests)
