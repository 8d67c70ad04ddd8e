"""The store of counter pieces: in the ledger's file, beside the ledger's own tables."""

import sqlite3
from collections.abc import Iterable
from contextlib import closing
from dataclasses import astuple, dataclass, fields
from pathlib import Path

from router.ledger.sqlite import LedgerError, connect_reader, transaction

_BUSY_S = 5.0
_TABLE = """
CREATE TABLE IF NOT EXISTS engine_count (
  tier TEXT NOT NULL,
  replica TEXT NOT NULL,
  engine TEXT NOT NULL,
  class TEXT NOT NULL,
  from_ns INTEGER NOT NULL,
  until_ns INTEGER NOT NULL,
  prompt_tokens INTEGER,
  output_tokens INTEGER,
  busy_ns INTEGER NOT NULL,
  up_ns INTEGER NOT NULL,
  resets INTEGER NOT NULL,
  PRIMARY KEY (tier, replica, from_ns)
) STRICT, WITHOUT ROWID
"""


@dataclass(frozen=True, slots=True)
class Piece:
    """What one replica did from `from_ns` to `until_ns` (Unix time), at most an hour, as its own counters have it.

    kind: the replica's class. prompt_tokens, output_tokens: None where the engine has no such counter; cached prompt
    tokens are in or not in it as the engine counts. busy_ns: with a request under way; up_ns: answering its health
    check, both seen every 10 s. resets: how often its counters began anew.
    """

    tier: str
    replica: str
    engine: str
    kind: str
    from_ns: int
    until_ns: int
    prompt_tokens: int | None
    output_tokens: int | None
    busy_ns: int
    up_ns: int
    resets: int


_COLUMNS = ", ".join("class" if field.name == "kind" else field.name for field in fields(Piece))
_MARKS = ", ".join("?" * len(fields(Piece)))


def write(path: Path, pieces: Iterable[Piece]) -> None:
    """Keep the pieces; one that began at the same moment is replaced by its longer self. Raises sqlite3.Error."""
    with closing(sqlite3.connect(path, timeout=_BUSY_S, isolation_level=None)) as connection, transaction(connection):
        connection.execute(_TABLE)
        statement = f"INSERT OR REPLACE INTO engine_count ({_COLUMNS}) VALUES ({_MARKS})"  # noqa: S608 - our own names
        connection.executemany(statement, [astuple(piece) for piece in pieces])


def read(path: Path, *, since_ns: int = 0, until_ns: int = 2**62) -> list[Piece]:
    """Pieces that began from `since_ns` to just before `until_ns`, in order of time; none where none were kept.

    Raises LedgerError where there is no ledger.
    """
    with closing(connect_reader(path)) as connection:
        try:
            if not connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'engine_count'").fetchone():
                return []
            rows = connection.execute(
                f"SELECT {_COLUMNS} FROM engine_count"  # noqa: S608 - our own names
                " WHERE from_ns >= ? AND from_ns < ? ORDER BY from_ns, tier, replica",
                (since_ns, until_ns),
            )
            return [Piece(*row) for row in rows]
        except sqlite3.Error as error:
            raise LedgerError(f"{path}: {error}") from error
