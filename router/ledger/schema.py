"""The ledger's tables: append-only, integer nano-dollars, one row for each thing that happened."""

import sqlite3
from collections.abc import Iterator

from router.ledger import fresh, rollup
from router.ledger.sqlite import LedgerError, transaction

VERSION = 4

_COUNTS = """
  input_tokens INTEGER,
  cached_input_tokens INTEGER,
  output_tokens INTEGER,
  reasoning_tokens INTEGER,"""

_TABLES = {
    "reservation": """
  row INTEGER PRIMARY KEY,
  attempt_id TEXT NOT NULL UNIQUE,
  request_id TEXT NOT NULL,
  seq INTEGER NOT NULL,
  kind TEXT NOT NULL,
  tier TEXT NOT NULL,
  replica TEXT NOT NULL,
  model TEXT NOT NULL,
  started_ns INTEGER NOT NULL,
  team TEXT NOT NULL,
  key_id TEXT NOT NULL,
  user TEXT NOT NULL,
  cost_nusd INTEGER,
  price_version TEXT NOT NULL""",
    "settlement": f"""
  row INTEGER PRIMARY KEY,
  attempt_id TEXT NOT NULL UNIQUE,
  ended_ns INTEGER NOT NULL,
  outcome TEXT NOT NULL,
  status INTEGER,{_COUNTS}
  estimated INTEGER NOT NULL,
  cost_nusd INTEGER,
  price_version TEXT NOT NULL,
  error TEXT NOT NULL,
  finish_reason TEXT NOT NULL,
  ttft_ns INTEGER,
  confidence REAL""",
    "correction": f"""
  row INTEGER PRIMARY KEY,
  correction_id TEXT NOT NULL UNIQUE,
  attempt_id TEXT NOT NULL,
  made_ns INTEGER NOT NULL,
  author TEXT NOT NULL,
  reason TEXT NOT NULL,{_COUNTS}
  cost_nusd INTEGER""",
    "request": f"""
  row INTEGER PRIMARY KEY,
  request_id TEXT NOT NULL UNIQUE,
  started_ns INTEGER NOT NULL,
  ended_ns INTEGER NOT NULL,
  path TEXT NOT NULL,
  client_model TEXT NOT NULL,
  policy TEXT NOT NULL,
  decision TEXT NOT NULL,
  tier TEXT NOT NULL,
  model TEXT NOT NULL,
  status INTEGER NOT NULL,
  cache TEXT NOT NULL,
  attempts INTEGER NOT NULL,
  stream INTEGER NOT NULL,{_COUNTS}
  estimated INTEGER NOT NULL,
  cost_nusd INTEGER,
  team TEXT NOT NULL,
  key_id TEXT NOT NULL,
  user TEXT NOT NULL,
  tags TEXT NOT NULL,
  error_code TEXT NOT NULL,
  ttft_ns INTEGER,
  overhead_ns INTEGER,
  facts TEXT NOT NULL,
  baseline_nusd INTEGER,
  saved TEXT NOT NULL DEFAULT '{{}}'""",
    "recovery": """
  row INTEGER PRIMARY KEY,
  opened_ns INTEGER NOT NULL,
  reservations_through INTEGER NOT NULL,
  unseen INTEGER NOT NULL""",
    "archive": """
  row INTEGER PRIMARY KEY,
  archived_ns INTEGER NOT NULL,
  before_ns INTEGER NOT NULL,
  reservations_through INTEGER NOT NULL,
  requests_through INTEGER NOT NULL,
  files TEXT NOT NULL""",
    "schema_version": """
  version INTEGER PRIMARY KEY,
  applied_ns INTEGER NOT NULL""",
}

# Writing a row again changes nothing, neither by a retry nor by INSERT OR REPLACE.
_IDENTITIES = {
    "reservation": "attempt_id",
    "settlement": "attempt_id",
    "correction": "correction_id",
    "request": "request_id",
}

_ATTEMPT_STAYS = (
    "EXISTS (SELECT 1 FROM reservation WHERE attempt_id = OLD.attempt_id) OR NOT EXISTS (SELECT 1 FROM archive)"
)
_NOT_ARCHIVED = {
    "reservation": "OLD.row > (SELECT coalesce(max(reservations_through), 0) FROM archive)",
    "request": "OLD.row > (SELECT coalesce(max(requests_through), 0) FROM archive)",
    "settlement": _ATTEMPT_STAYS,
    "correction": _ATTEMPT_STAYS,
}
_NO_STRAY_CORRECTION = """
CREATE TRIGGER correction_of_an_attempt BEFORE INSERT ON correction
WHEN NOT EXISTS (SELECT 1 FROM reservation WHERE attempt_id = NEW.attempt_id)
BEGIN SELECT RAISE(ABORT, 'a correction of an attempt that is not in the ledger, or was archived'); END"""

_INDEXES = (
    "CREATE INDEX reservation_started ON reservation (started_ns)",
    "CREATE INDEX reservation_request ON reservation (request_id)",
    "CREATE INDEX correction_attempt ON correction (attempt_id)",
    "CREATE INDEX request_started ON request (started_ns)",
)

# What is unknown stays NULL until a correction gives it; corrections are differences and add up.
_CORRECTED = ("input_tokens", "cached_input_tokens", "output_tokens", "reasoning_tokens", "cost_nusd")


def _corrected(column: str) -> str:
    added = f"(SELECT sum({column}) FROM correction c WHERE c.attempt_id = s.attempt_id)"
    return f"CASE WHEN s.{column} IS NULL THEN {added} ELSE s.{column} + coalesce({added}, 0) END AS {column}"


_ATTEMPT_VIEW = f"""
CREATE VIEW attempt AS
SELECT r.row, r.attempt_id, r.request_id, r.seq, r.kind, r.tier, r.replica, r.model, r.started_ns,
  r.team, r.key_id, r.user,
  s.ended_ns, s.outcome, s.status, s.estimated, s.price_version, s.error, s.finish_reason, s.ttft_ns,
  s.confidence,
  {", ".join(_corrected(column) for column in _CORRECTED)},
  r.cost_nusd AS reserved_nusd
FROM reservation r JOIN settlement s ON s.attempt_id = r.attempt_id
"""

# What an attempt without a settlement gets when the gateway that made it is gone: its reservation, no counts.
_SETTLE_UNSEEN = """
INSERT INTO settlement
  (attempt_id, ended_ns, outcome, estimated, cost_nusd, price_version, error, finish_reason)
SELECT
  r.attempt_id, :now_ns, 'unseen', 1, r.cost_nusd, r.price_version, 'the gateway ended before it did', ''
FROM reservation r LEFT JOIN settlement s ON s.attempt_id = r.attempt_id
WHERE r.row > :settled_through AND s.attempt_id IS NULL
"""


def prepare(connection: sqlite3.Connection, *, now_ns: int) -> None:
    """Make the tables in an empty database, or bring older ones up to this version; LedgerError if it is newer.

    All in one transaction: after a kill in the middle the tables are as they were.
    """
    with transaction(connection):
        found = version(connection)
        if found > VERSION:
            raise LedgerError(f"it has schema {found}, this Tiergate writes schema {VERSION}: use the one that made it")
        if found == VERSION:
            return
        for statement in _statements() if found == 0 else _upgrade(connection, found):
            connection.execute(statement)
        if found:
            _rebuild(connection)
        connection.execute("INSERT INTO schema_version VALUES (?, ?)", (VERSION, now_ns))


def rebuild(connection: sqlite3.Connection) -> None:
    """Fill the rollups anew from the rows, all or nothing. Raises LedgerError where some rows are archived."""
    with transaction(connection):
        if connection.execute("SELECT count(*) FROM archive").fetchone()[0]:
            raise LedgerError("its older rows are archived: what they add up to cannot be made anew without them")
        _rebuild(connection)


def _rebuild(connection: sqlite3.Connection) -> None:
    fresh.prepare(connection)
    for statement in rollup.rebuild():
        connection.execute(statement)


def version(connection: sqlite3.Connection) -> int:
    """The schema's version; 0 where there is none yet."""
    named = "SELECT count(*) FROM sqlite_master WHERE type = 'table' AND name = 'schema_version'"
    if not connection.execute(named).fetchone()[0]:
        return 0
    return int(connection.execute("SELECT coalesce(max(version), 0) FROM schema_version").fetchone()[0])


def settle_unseen(connection: sqlite3.Connection, *, now_ns: int) -> int:
    """Settle at its reservation every attempt whose end was never written; how many there were.

    Only reservations made since the last recovery are looked at. Call it while no other gateway writes.
    """
    with transaction(connection), fresh.rolled_up(connection):
        one = connection.execute("SELECT coalesce(max(reservations_through), 0) FROM recovery").fetchone()
        done = connection.execute(_SETTLE_UNSEEN, {"now_ns": now_ns, "settled_through": one[0]})
        connection.execute(
            "INSERT INTO recovery (opened_ns, reservations_through, unseen)"
            " SELECT ?, coalesce(max(row), 0), ? FROM reservation",
            (now_ns, done.rowcount),
        )
    return done.rowcount


def _statements() -> Iterator[str]:
    for table in _TABLES:
        yield from _table(table)
    for table, identity in _IDENTITIES.items():
        yield _once(table, identity)
    yield _NO_STRAY_CORRECTION
    yield from _INDEXES
    yield from _rollups()


def _table(table: str) -> Iterator[str]:
    yield f"CREATE TABLE {table} ({_TABLES[table]}\n) STRICT"
    yield (
        f"CREATE TRIGGER {table}_no_update BEFORE UPDATE ON {table}"
        " BEGIN SELECT RAISE(ABORT, 'the ledger is append-only: write a correction'); END"
    )
    yield _no_delete(table)


def _no_delete(table: str) -> str:
    """Nothing is deleted but what an archive holds."""
    return (
        f"CREATE TRIGGER {table}_no_delete BEFORE DELETE ON {table} WHEN {_NOT_ARCHIVED.get(table, 'true')}"
        " BEGIN SELECT RAISE(ABORT, 'the ledger is append-only: write a correction'); END"
    )


def _upgrade(connection: sqlite3.Connection, found: int) -> list[str]:
    """From an older version; the rollups are made anew from the rows, whatever they were."""
    savings = (
        "ALTER TABLE request ADD COLUMN baseline_nusd INTEGER",
        "ALTER TABLE request ADD COLUMN saved TEXT NOT NULL DEFAULT '{}'",
    )
    older = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table' AND name LIKE 'rollup%'").fetchall()
    dropped = [f"DROP TABLE {row[0]}" for row in older]
    deletes = [step for name in _NOT_ARCHIVED for step in (f"DROP TRIGGER {name}_no_delete", _no_delete(name))]
    archive = [*_table("archive"), *deletes, _NO_STRAY_CORRECTION]
    return [*(savings if found == 1 else ()), "DROP VIEW attempt", *archive, *dropped, *_rollups()]


def _rollups() -> Iterator[str]:
    yield _ATTEMPT_VIEW
    yield from rollup.tables()


def _once(table: str, identity: str) -> str:
    """A second row with the same identity, or in the place of another row, changes nothing."""
    known = f"SELECT 1 FROM {table} WHERE {identity} = NEW.{identity} OR row = NEW.row"
    return f"CREATE TRIGGER {table}_once BEFORE INSERT ON {table} WHEN EXISTS ({known}) BEGIN SELECT RAISE(IGNORE); END"
