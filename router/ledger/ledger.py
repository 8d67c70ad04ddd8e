"""The ledger as the gateway sees it: rows are handed over, never waited for."""

import fcntl
import sqlite3
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import IO

from router.ledger.checkpoint import Checkpointer
from router.ledger.schema import prepare, settle_unseen
from router.ledger.sqlite import LedgerError, Synchronous, connect_writer
from router.ledger.types import Correction, RequestRow, Reservation, Settlement
from router.ledger.writer import Writer


class Ledger:
    """One SQLite file, written by this process alone. Made by `open`; methods but `close` return at once.

    recovered: attempts of an earlier gateway that were settled as `unseen` at the opening.
    """

    def __init__(self, path: Path, writer: Writer, checkpointer: Checkpointer, lock: IO[str], recovered: int) -> None:
        self.path = path
        self.recovered = recovered
        self._writer = writer
        self._checkpointer = checkpointer
        self._lock = lock

    @classmethod
    def open(
        cls,
        path: Path,
        *,
        clock: Callable[[], float] = time.monotonic,
        now_ns: Callable[[], int] = time.time_ns,
        synchronous: Synchronous = "NORMAL",
    ) -> "Ledger":
        """Make or take up the ledger at `path`, and settle what an earlier gateway left open.

        clock: seconds, monotonic. now_ns: Unix time. synchronous: `NORMAL` keeps every committed row through
        the death of the process, `FULL` also through a power cut, for an fsync per group. Raises LedgerError
        when the file is no ledger, is of another version, cannot be written, or belongs to a running gateway.
        """
        connect = partial(connect_writer, path, synchronous=synchronous)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            lock = _lock(path)
        except OSError as error:
            raise LedgerError(f"{path}: {error.strerror}; set state.ledger to a place that can be written") from error
        try:
            connection, recovered = _take_up(connect, now_ns())
        except (sqlite3.Error, LedgerError) as error:
            lock.close()
            raise LedgerError(f"{path}: {error}") from error
        writer, checkpointer = Writer(connect, clock=clock), Checkpointer(connect)
        writer.start(connection)
        checkpointer.start()
        return cls(path, writer, checkpointer, lock, recovered)

    def reserve(self, row: Reservation) -> None:
        """An attempt is being dispatched."""
        self._writer.put(row)

    def settle(self, row: Settlement) -> None:
        """An attempt has ended, however it ended."""
        self._writer.put(row)

    def record(self, row: RequestRow) -> None:
        """A request has been answered, or refused, or left."""
        self._writer.put(row)

    def correct(self, row: Correction) -> None:
        """What was settled was wrong by these differences; the settlement itself stays."""
        self._writer.put(row)

    def lag_s(self) -> float:
        """The age of the oldest row that is not yet written; 0.0 when all are."""
        return self._writer.lag_s()

    @property
    def failing(self) -> str | None:
        """Why nothing can be written at the moment; None while all is well."""
        return self._writer.failing

    @property
    def lost(self) -> int:
        """Rows that will never be written: memory was full, or the tables refused them."""
        return self._writer.dropped + self._writer.refused

    async def flush(self) -> None:
        """Return once every row handed over before is written; waits as long as that takes."""
        await self._writer.flush()

    def close(self, timeout_s: float = 5.0) -> int:
        """Write what waits, for `timeout_s` at most, and let go of the file; how many rows are left."""
        self._checkpointer.close(timeout_s)
        left = self._writer.close(timeout_s)
        self._lock.close()
        return left


def _take_up(connect: Callable[[], sqlite3.Connection], now_ns: int) -> tuple[sqlite3.Connection, int]:
    connection = connect()
    try:
        prepare(connection, now_ns=now_ns)
        return connection, settle_unseen(connection, now_ns=now_ns)
    except BaseException:
        connection.close()
        raise


def _lock(path: Path) -> IO[str]:
    """Held as long as this process lives, so that nobody settles its open attempts as unseen."""
    lock = path.with_name(f"{path.name}.lock").open("a", encoding="utf-8")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        lock.close()
        raise LedgerError(
            f"{path}: a running gateway is writing it; stop that one or set another state.ledger"
        ) from None
    return lock
