"""The table of API keys, and what an older one lacks."""

import os
import sqlite3
from pathlib import Path

_TABLE = """
CREATE TABLE IF NOT EXISTS api_key (
  id TEXT PRIMARY KEY,
  digest BLOB NOT NULL,
  team TEXT NOT NULL,
  user TEXT NOT NULL,
  role TEXT NOT NULL CHECK (role IN ('use', 'admin', 'read')),
  models TEXT NOT NULL,
  created_ns INTEGER NOT NULL,
  expires_ns INTEGER,
  revoked_ns INTEGER
) STRICT
"""

# Added since the first release, each with a default that leaves a key what it was.
_ADDED = {
    "tiers": "TEXT NOT NULL DEFAULT '[]'",
    "rpm": "INTEGER",
    "tpm": "INTEGER",
    "budget_nusd": "INTEGER",
    "budget_period": "TEXT NOT NULL DEFAULT 'month'",
    "before": "BLOB",
    "overlap_ns": "INTEGER",
}
COLUMNS = ("id", "digest", "team", "user", "role", "models", "created_ns", "expires_ns", "revoked_ns", *_ADDED)


def connect(path: Path) -> sqlite3.Connection:
    """Open or make the file, readable by its owner alone; SQLite gives its -wal file the same mode.

    A file of an older release gets the columns that it lacks, all or none; that release goes on reading it.
    """
    os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
    connection = sqlite3.connect(path, timeout=5.0, isolation_level=None, check_same_thread=False)
    connection.row_factory = sqlite3.Row
    try:
        connection.execute("PRAGMA journal_mode = WAL")
        _prepare(connection)
    except BaseException:
        connection.close()
        raise
    return connection


def _prepare(connection: sqlite3.Connection) -> None:
    """In one transaction, so that of two processes that start together one waits and finds it done."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        connection.execute(_TABLE)
        known = {row["name"] for row in connection.execute("PRAGMA table_info(api_key)")}
        for name, kind in _ADDED.items():
            if name not in known:
                connection.execute(f"ALTER TABLE api_key ADD COLUMN {name} {kind}")
    except BaseException:
        connection.execute("ROLLBACK")
        raise
    connection.execute("COMMIT")
