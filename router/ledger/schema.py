"""The ledger's tables: append-only, integer nano-dollars, one row for each thing that happened."""

import sqlite3
from collections.abc import Iterator

from router.ledger.sqlite import LedgerError, transaction

VERSION = 1

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
  facts TEXT NOT NULL""",
    "recovery": """
  row INTEGER PRIMARY KEY,
  opened_ns INTEGER NOT NULL,
  reservations_through INTEGER NOT NULL,
  unseen INTEGER NOT NULL""",
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

_INDEXES = (
    "CREATE INDEX reservation_started ON reservation (started_ns)",
    "CREATE INDEX reservation_request ON reservation (request_id)",
    "CREATE INDEX correction_attempt ON correction (attempt_id)",
    "CREATE INDEX request_started ON request (started_ns)",
)

# What is unknown stays NULL until a correction gives it; corrections are differences and add up.
_ATTEMPT_VIEW = """
CREATE VIEW attempt AS
SELECT r.attempt_id, r.request_id, r.seq, r.kind, r.tier, r.replica, r.model, r.started_ns,
  r.team, r.key_id, r.user,
  s.ended_ns, s.outcome, s.status, s.estimated, s.price_version, s.error, s.finish_reason, s.ttft_ns,
  s.confidence,
  CASE WHEN c.input_tokens IS NULL THEN s.input_tokens
    ELSE coalesce(s.input_tokens, 0) + c.input_tokens END AS input_tokens,
  CASE WHEN c.cached_input_tokens IS NULL THEN s.cached_input_tokens
    ELSE coalesce(s.cached_input_tokens, 0) + c.cached_input_tokens END AS cached_input_tokens,
  CASE WHEN c.output_tokens IS NULL THEN s.output_tokens
    ELSE coalesce(s.output_tokens, 0) + c.output_tokens END AS output_tokens,
  CASE WHEN c.reasoning_tokens IS NULL THEN s.reasoning_tokens
    ELSE coalesce(s.reasoning_tokens, 0) + c.reasoning_tokens END AS reasoning_tokens,
  CASE WHEN c.cost_nusd IS NULL THEN s.cost_nusd
    ELSE coalesce(s.cost_nusd, 0) + c.cost_nusd END AS cost_nusd,
  r.cost_nusd AS reserved_nusd
FROM reservation r
JOIN settlement s ON s.attempt_id = r.attempt_id
LEFT JOIN (
  SELECT attempt_id, sum(input_tokens) AS input_tokens, sum(cached_input_tokens) AS cached_input_tokens,
    sum(output_tokens) AS output_tokens, sum(reasoning_tokens) AS reasoning_tokens,
    sum(cost_nusd) AS cost_nusd
  FROM correction GROUP BY attempt_id
) c ON c.attempt_id = r.attempt_id
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
    """Make the tables in an empty database, or see that they are of this version; LedgerError if not."""
    with transaction(connection):
        found = version(connection)
        if found == 0:
            for statement in _statements():
                connection.execute(statement)
            connection.execute("INSERT INTO schema_version VALUES (?, ?)", (VERSION, now_ns))
        elif found != VERSION:
            raise LedgerError(f"it has schema {found}, this Tiergate writes schema {VERSION}: use the one that made it")


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
    with transaction(connection):
        one = connection.execute("SELECT coalesce(max(reservations_through), 0) FROM recovery").fetchone()
        done = connection.execute(_SETTLE_UNSEEN, {"now_ns": now_ns, "settled_through": one[0]})
        connection.execute(
            "INSERT INTO recovery (opened_ns, reservations_through, unseen)"
            " SELECT ?, coalesce(max(row), 0), ? FROM reservation",
            (now_ns, done.rowcount),
        )
    return done.rowcount


def _statements() -> Iterator[str]:
    for table, columns in _TABLES.items():
        yield f"CREATE TABLE {table} ({columns}\n) STRICT"
        for change in ("UPDATE", "DELETE"):
            yield (
                f"CREATE TRIGGER {table}_no_{change.lower()} BEFORE {change} ON {table}"
                " BEGIN SELECT RAISE(ABORT, 'the ledger is append-only: write a correction'); END"
            )
    for table, identity in _IDENTITIES.items():
        known = f"SELECT 1 FROM {table} WHERE {identity} = NEW.{identity} OR row = NEW.row"  # noqa: S608 - our own names
        yield (
            f"CREATE TRIGGER {table}_once BEFORE INSERT ON {table} WHEN EXISTS ({known})"
            " BEGIN SELECT RAISE(IGNORE); END"
        )
    yield from _INDEXES
    yield _ATTEMPT_VIEW
