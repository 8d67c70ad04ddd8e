"""The thread that waits for the disk, so that the ledger's writer never does.

In WAL mode a commit is a write to `ledger.db-wal`; from time to time those pages must be moved into
`ledger.db`, with an fsync of both files. SQLite does that inside a commit unless somebody else does it before.
"""

import logging
import sqlite3
import threading
from collections.abc import Callable

_log = logging.getLogger(__name__)

_EVERY_S = 2.0


class Checkpointer:
    """Moves committed pages into the file every two seconds, beside the writer and never in its way."""

    def __init__(self, connect: Callable[[], sqlite3.Connection]) -> None:
        self._connect = connect
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="ledger-checkpointer", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def close(self, timeout_s: float) -> None:
        """Stop; waits for a pass under way, `timeout_s` at most."""
        self._stop.set()
        self._thread.join(timeout_s)

    def _run(self) -> None:
        while not self._stop.wait(_EVERY_S):
            try:
                catch_up(self._connect)
            except sqlite3.Error as error:
                _log.warning("the ledger's newest pages stay in its -wal file for now: %s", error)


def catch_up(connect: Callable[[], sqlite3.Connection]) -> bool:
    """Move what is committed; False where a reader still needs some of it as it was. The writer goes on meanwhile."""
    connection = connect()
    try:
        _, pages, moved = connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()
        return bool(pages == moved)
    finally:
        connection.close()
