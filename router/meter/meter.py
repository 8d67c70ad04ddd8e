"""The meter: reads every replica's own token counters, and keeps them by the hour."""

import asyncio
import contextlib
import logging
import sqlite3
import time
from collections.abc import Callable
from pathlib import Path

from router.ledger.sqlite import LedgerError
from router.meter import store
from router.meter.counter import Counter
from router.prices import stored
from router.snapshot import Snapshot
from tiers.errors import TierError
from tiers.pool import Replica, Tier
from tiers.types import Load

_log = logging.getLogger(__name__)

_LOOK_S = 10.0
_LOOKS_TO_A_READING = 6
_READ_S = 3.0  # a replica that does not answer must hold up neither the start nor the end


class Meter:
    """Looks at the replicas every 10 s and reads and keeps their counters every minute, at start and at the end.

    Needs the tiers open from `open` to `close`. What cannot be written is tried again with the next reading.
    """

    def __init__(
        self,
        snapshot: Callable[[], Snapshot],
        path: Path,
        *,
        now_ns: Callable[[], int] = time.time_ns,
    ) -> None:
        self._snapshot = snapshot
        self._path = path
        self._now_ns = now_ns
        self._counters: dict[tuple[str, str, int], Counter] = {}
        self._priced = 0  # the snapshot's generation whose prices are kept
        self._task: asyncio.Task[None] | None = None

    async def open(self) -> None:
        await self.read()
        self._task = asyncio.get_running_loop().create_task(self._run())

    async def close(self) -> None:
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
        await self.read()

    async def read(self) -> None:
        """Read every counter now and keep it."""
        self._look()
        await asyncio.gather(*(self._read(tier, replica) for tier, replica in self._replicas()))
        await asyncio.to_thread(self._keep)

    async def _run(self) -> None:
        looks = 0
        while True:
            await asyncio.sleep(_LOOK_S)
            looks += 1
            if looks % _LOOKS_TO_A_READING and self._snapshot().generation == self._priced:
                self._look()
            else:
                await self.read()

    def _look(self) -> None:
        now_ns = self._now_ns()
        for tier, replica in self._replicas():
            busy = replica.inflight > 0 or bool(replica.load and replica.load.running)
            self._counter(tier, replica).look(now_ns, up=replica.up, busy=busy)

    async def _read(self, tier: Tier, replica: Replica) -> None:
        counter = self._counter(tier, replica)
        load: Load | None = None
        with contextlib.suppress(TierError, OSError):  # TimeoutError is an OSError
            async with asyncio.timeout(_READ_S):
                load = await replica.engine.load()
        counter.read(self._now_ns(), load)

    def _keep(self) -> None:
        snapshot = self._snapshot()
        pieces = [piece for counter in self._counters.values() for piece in counter.pieces()]
        try:
            store.write(self._path, pieces)
            if snapshot.generation != self._priced:
                stored.write(self._path, snapshot.prices, self._now_ns())
                self._priced = snapshot.generation
        except (sqlite3.Error, LedgerError) as error:
            _log.warning("the engines' counters are not kept for now: %s", error)
            return
        here = {_key(tier, replica) for tier, replica in self._replicas()}
        self._counters = {key: counter for key, counter in self._counters.items() if key in here}
        for counter in self._counters.values():
            counter.kept(pieces)

    def _replicas(self) -> list[tuple[Tier, Replica]]:
        return [(tier, replica) for tier in self._snapshot().tiers.values() for replica in tier.replicas]

    def _counter(self, tier: Tier, replica: Replica) -> Counter:
        key = _key(tier, replica)
        if key not in self._counters:
            embedded = tier.spec.engine == "llama.cpp" and not replica.spec.url
            self._counters[key] = Counter(
                tier.name, replica.name, tier.spec.engine, replica.spec.kind, fresh_from_zero=embedded
            )
        return self._counters[key]


def _key(tier: Tier, replica: Replica) -> tuple[str, str, int]:
    """Of the replica object: a tier that a reload made anew is counted anew."""
    return tier.name, replica.name, id(replica)
