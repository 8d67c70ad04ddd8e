"""What a transaction has brought, added to the rollups before it is committed.

All of it is one statement, an INSERT into a temporary view whose trigger does the work: a thread that writes then asks
for the interpreter's lock once, and not forty times while the event loop is busy.
"""

import sqlite3
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager

from router.ledger.rollup import COUNTED, RECOVERED, add_attempts, add_requests, scratch

_MARKS = ("reservation", "settlement", "request")
_READ_MARKS = f"SELECT {', '.join(f'(SELECT coalesce(max(row), 0) FROM {table})' for table in _MARKS)}, {RECOVERED}"

# Attempts that a correction of this transaction may change, as they are before it.
_TO_BE_CORRECTED = f"""INSERT INTO fresh_attempt
SELECT a.* FROM corrected n JOIN attempt a ON a.attempt_id = n.attempt_id
  LEFT JOIN request q ON q.request_id = a.request_id WHERE {COUNTED}"""

# Attempts that were counted without a request which has come now after all.
_FOUND_LATE = f"""INSERT INTO fresh_attempt
SELECT a.* FROM request q JOIN attempt a ON a.request_id = q.request_id
  WHERE q.row > NEW.request AND a.row <= {RECOVERED} AND a.attempt_id NOT IN (SELECT attempt_id FROM corrected)"""

# Attempts that count from now on: by their end, by their request's, by a recovery; and the corrected ones again.
_BECAME_COUNTED = f"""INSERT INTO fresh_attempt SELECT * FROM attempt WHERE row IN (
  SELECT a.row FROM settlement n JOIN reservation a ON a.attempt_id = n.attempt_id
    LEFT JOIN request q ON q.request_id = a.request_id WHERE n.row > NEW.settlement AND {COUNTED}
  UNION SELECT a.row FROM reservation a JOIN settlement n ON n.attempt_id = a.attempt_id
    JOIN request q ON q.request_id = a.request_id WHERE a.row > NEW.reservation
  UNION SELECT a.row FROM request q JOIN reservation a ON a.request_id = q.request_id WHERE q.row > NEW.request
  UNION SELECT a.row FROM reservation a LEFT JOIN request q ON q.request_id = a.request_id
    WHERE a.row > NEW.recovered AND a.row <= {RECOVERED} AND q.row IS NULL
  UNION SELECT a.row FROM corrected n JOIN reservation a ON a.attempt_id = n.attempt_id
    LEFT JOIN request q ON q.request_id = a.request_id WHERE {COUNTED}
)"""
_NO_ATTEMPTS = "DELETE FROM fresh_attempt"


@contextmanager
def rolled_up(connection: sqlite3.Connection, corrected: Collection[str] = ()) -> Iterator[None]:
    """Adds to the rollups whatever rows the block writes; use it inside the transaction of the block.

    corrected: attempts that the block may write corrections of; what they add now is taken away first.
    """
    prepare(connection)
    if corrected:
        connection.executemany("INSERT INTO corrected VALUES (?) ON CONFLICT DO NOTHING", zip(corrected))
        connection.execute("INSERT INTO take_away VALUES (0)")
    marks = connection.execute(_READ_MARKS).fetchone()
    yield
    connection.execute("INSERT INTO add_up VALUES (?, ?, ?, ?)", tuple(marks))


def prepare(connection: sqlite3.Connection) -> None:
    """Make the temporary tables and triggers, once for each connection."""
    if connection.execute("SELECT 1 FROM temp.sqlite_master WHERE name = 'add_up'").fetchone():
        return
    connection.execute("CREATE TEMP TABLE corrected (attempt_id TEXT PRIMARY KEY) WITHOUT ROWID")
    connection.execute("CREATE TEMP TABLE fresh_attempt AS SELECT * FROM attempt WHERE false")
    connection.execute("CREATE TEMP TABLE fresh_request AS SELECT * FROM request WHERE false")
    for table in scratch():
        connection.execute(table)
    connection.execute("CREATE TEMP VIEW take_away AS SELECT 0 AS started")
    connection.execute(_trigger("take_away", _taking_away()))
    connection.execute(
        "CREATE TEMP VIEW add_up AS SELECT 0 AS reservation, 0 AS settlement, 0 AS request, 0 AS recovered"
    )
    connection.execute(_trigger("add_up", _adding_up()))


def _taking_away() -> Iterator[str]:
    yield _NO_ATTEMPTS
    yield _TO_BE_CORRECTED
    yield from add_attempts("fresh", sign=-1)


def _adding_up() -> Iterator[str]:
    yield _NO_ATTEMPTS
    yield _FOUND_LATE
    yield from add_attempts("fresh", sign=-1, alone=True)
    yield _NO_ATTEMPTS
    yield _BECAME_COUNTED
    yield from add_attempts("fresh")
    yield "DELETE FROM fresh_request"
    yield "INSERT INTO fresh_request SELECT * FROM request WHERE row > NEW.request"
    yield from add_requests("fresh")
    yield "DELETE FROM corrected"


def _trigger(view: str, steps: Iterable[str]) -> str:
    return f"CREATE TEMP TRIGGER {view}_now INSTEAD OF INSERT ON {view} BEGIN\n" + ";\n".join(steps) + ";\nEND"
