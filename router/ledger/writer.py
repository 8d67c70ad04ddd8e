"""The one thread that writes to the ledger, in groups, and never loses a row to a failing disk."""

import asyncio
import logging
import sqlite3
import threading
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

from router.ledger.insert import Inserted, insert
from router.ledger.sqlite import LedgerError
from router.ledger.types import Row

_log = logging.getLogger(__name__)

_ROUND_S = 0.01  # from the beginning of a group to the next, so that rows which come together are committed together
_LEAST_REST_S = 0.001
_MOST_IN_GROUP = 1_000
_FIRST_RETRY_S = 0.05
_LAST_RETRY_S = 2.0


@dataclass(frozen=True, slots=True)
class _Flush:
    """A place in the queue; `done` is set once everything before it is written."""

    loop: asyncio.AbstractEventLoop
    done: asyncio.Future[None]

    def resolve(self) -> None:
        with suppress(RuntimeError):  # the loop has ended, and with it whoever waited
            self.loop.call_soon_threadsafe(self._set)

    def _set(self) -> None:
        if not self.done.done():
            self.done.set_result(None)


class Writer:
    """Rows go in from the event loop without blocking it; the thread commits them a few milliseconds later.

    While the database cannot be written to, rows wait in memory in their order, up to `most_waiting`; past
    that they are dropped, counted and logged. connect: opens the database. clock: seconds, monotonic.
    """

    def __init__(
        self,
        connect: Callable[[], sqlite3.Connection],
        *,
        clock: Callable[[], float],
        most_waiting: int = 2_000_000,
    ) -> None:
        self.failing: str | None = None
        self.dropped = 0
        self.refused = 0
        self.repeated = 0
        self._connect = connect
        self._clock = clock
        self._most_waiting = most_waiting
        self._waiting: deque[tuple[float, Row | _Flush]] = deque()
        self._group: list[tuple[float, Row | _Flush]] = []
        self._wake = threading.Event()
        self._hurry = threading.Event()
        self._closing = False
        self._given_up = threading.Event()
        self._connection: sqlite3.Connection | None = None
        self._thread = threading.Thread(target=self._run, name="ledger-writer", daemon=True)

    def start(self, connection: sqlite3.Connection | None = None) -> None:
        """connection: an open one to begin with, which is the writer's from now on."""
        self._connection = connection
        self._thread.start()

    def put(self, row: Row) -> None:
        """Hand over a row; returns at once."""
        if self._closing or len(self._waiting) >= self._most_waiting:
            self._drop(row)
            return
        self._waiting.append((self._clock(), row))
        if not self._wake.is_set():
            self._wake.set()

    def lag_s(self) -> float:
        """The age of the oldest row that is not yet written; 0.0 when all are."""
        for rows in (self._group, self._waiting):
            try:
                return max(0.0, self._clock() - rows[0][0])
            except IndexError:
                continue
        return 0.0

    async def flush(self) -> None:
        """Return once every row handed over before is committed; waits as long as that takes.

        Raises LedgerError after `close`.
        """
        if self._closing:
            raise LedgerError("the ledger is closed")
        loop = asyncio.get_running_loop()
        done = loop.create_future()
        self._waiting.append((self._clock(), _Flush(loop, done)))
        self._hurry.set()
        self._wake.set()
        await done

    def close(self, timeout_s: float) -> int:
        """Write what waits, for `timeout_s` at most, and stop; how many rows were left unwritten."""
        self._closing = True
        self._hurry.set()
        self._wake.set()
        self._thread.join(timeout_s)
        self._given_up.set()
        return sum(not isinstance(item, _Flush) for _, item in (*self._group, *self._waiting))

    def _drop(self, row: Row) -> None:
        if not self.dropped:
            why = "closed" if self._closing else f"{self._most_waiting} rows wait already"
            _log.error("the ledger takes no more rows, %s; the first one dropped: %r", why, row)
        self.dropped += 1

    def _run(self) -> None:
        while (not self._closing or self._waiting) and not self._given_up.is_set():
            self._wake.wait()
            self._wake.clear()
            while self._waiting and not self._given_up.is_set():
                self._hurry.clear()
                began = time.monotonic()
                self._write_group()
                took_s = time.monotonic() - began
                self._hurry.wait(max(_LEAST_REST_S, _ROUND_S - 2 * took_s))
        self._disconnect()

    def _write_group(self) -> None:
        """Commit the oldest rows, however often that takes."""
        while self._waiting and len(self._group) < _MOST_IN_GROUP:
            self._group.append(self._waiting.popleft())
        rows = [item for _, item in self._group if not isinstance(item, _Flush)]
        retry_s = _FIRST_RETRY_S
        while not self._given_up.is_set():
            try:
                self._connection = self._connection or self._connect()
                done = insert(self._connection, rows)
            except Exception as error:  # noqa: BLE001 - whatever it is, the rows are kept and tried again
                self._failed(error)
                self._disconnect()
                self._given_up.wait(retry_s)
                retry_s = min(2 * retry_s, _LAST_RETRY_S)
            else:
                self._written(done)
                break

    def _disconnect(self) -> None:
        if self._connection is not None:
            self._connection.close()
        self._connection = None

    def _failed(self, error: Exception) -> None:
        first = self.failing is None
        self.failing = str(error) or type(error).__name__
        if first:
            _log.error("the ledger cannot be written, rows wait in memory: %s", error)

    def _written(self, done: Inserted) -> None:
        if self.failing is not None:
            _log.warning("the ledger is being written again")
        self.failing = None
        self.refused += done.refused
        self.repeated += done.repeated
        group, self._group = self._group, []
        for _, item in group:
            if isinstance(item, _Flush):
                item.resolve()
