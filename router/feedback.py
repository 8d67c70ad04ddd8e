"""Feedback: how good an answer was, as whoever got it says; one row beside the request's, and no text."""

import sqlite3
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from router.ledger.sqlite import connect_reader, connect_writer, transaction

_TABLE = """
CREATE TABLE IF NOT EXISTS feedback (
  row INTEGER PRIMARY KEY,
  request_id TEXT NOT NULL,
  score REAL NOT NULL CHECK (score BETWEEN 0 AND 1),
  key_id TEXT NOT NULL,
  told_ns INTEGER NOT NULL
) STRICT
"""
_OURS = "SELECT 1 FROM request WHERE request_id = ? AND (? OR team = ?)"
_LATEST = """
SELECT request.request_id, request.tier, request.policy, feedback.score, request.facts FROM feedback
JOIN request USING (request_id)
WHERE feedback.row IN (SELECT max(row) FROM feedback GROUP BY request_id) AND request.started_ns >= ?
ORDER BY feedback.row
"""


@dataclass(frozen=True, slots=True)
class Feedback:
    """score: 0 (useless) to 1 (as good as can be). key_id: of who says so. told_ns: Unix time."""

    request_id: str
    score: float
    key_id: str
    told_ns: int


@dataclass(frozen=True, slots=True)
class Judged:
    """A request with the last score it was given. facts: JSON, as in the ledger, with what was predicted of it."""

    request_id: str
    tier: str
    policy: str
    score: float
    facts: str


def note(path: Path, feedback: Feedback, team: str | None) -> bool:
    """Store feedback in the ledger at `path`; False where there is no such request of this team.

    team: None for every team. A request may be scored again: the last score counts, the others stay.
    """
    with closing(connect_writer(path, busy_s=5.0)) as connection, transaction(connection):
        connection.execute(_TABLE)
        if connection.execute(_OURS, (feedback.request_id, team is None, team or "")).fetchone() is None:
            return False
        connection.execute(
            "INSERT INTO feedback (request_id, score, key_id, told_ns) VALUES (?, ?, ?, ?)",
            (feedback.request_id, feedback.score, feedback.key_id, feedback.told_ns),
        )
    return True


def judged(path: Path, since_ns: int = 0) -> tuple[Judged, ...]:
    """Requests begun since then that were given a score, in the order of their last ones; raises LedgerError."""
    with closing(connect_reader(path)) as connection:
        try:
            rows = connection.execute(_LATEST, (since_ns,)).fetchall()
        except sqlite3.OperationalError as error:
            if "no such table: feedback" in str(error):
                return ()
            raise
    return tuple(Judged(*row) for row in rows)
