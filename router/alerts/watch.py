"""The watch: every half minute it gathers the evidence off the event loop, and tells what has changed."""

import asyncio
import logging
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import aiohttp
import orjson
from prometheus_client import CollectorRegistry

from policies.schema_alerts import Alerts
from router.alerts import counters
from router.alerts.board import Board
from router.alerts.evidence import Evidence, from_ledger
from router.alerts.rules import readings
from router.alerts.send import Post, channels
from router.alerts.types import Alert, Reading
from router.ledger.ledger import Ledger
from router.ledger.sqlite import LedgerError
from router.limits.state import BudgetState
from router.snapshot import Snapshot

_log = logging.getLogger(__name__)


class Watch:
    """Never in a request's way. snapshot: what serves now. budgets: their states now. now: Unix seconds."""

    def __init__(
        self,
        snapshot: Callable[[], Snapshot],
        ledger: Ledger,
        registry: CollectorRegistry,
        budgets: Callable[[], Sequence[BudgetState]],
        *,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._snapshot = snapshot
        self._ledger = ledger
        self._registry = registry
        self._budgets = budgets
        self._now = now
        self._place = ledger.path.with_suffix(".alerts.json")
        self._window = counters.Window()
        self._taken = (0, 0.0)
        self._posts: list[Post] = []
        self._set: Alerts | None = None
        self._session: aiohttp.ClientSession | None = None
        self._task: asyncio.Task[None] | None = None
        self.board = Board()

    @property
    def posts(self) -> tuple[Post, ...]:
        return tuple(self._posts)

    async def open(self) -> None:
        self.board = Board(await asyncio.to_thread(_remembered, self._place))
        self._session = aiohttp.ClientSession()
        self._task = asyncio.create_task(self._run())

    async def close(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        await asyncio.gather(*(post.close() for post in self._posts))
        if self._session is not None:
            await self._session.close()

    async def look(self) -> list[Alert]:
        """Once: measure, decide, hand over to the channels. What fired, got worse or resolved."""
        set_ = self._snapshot().config.alerts
        await self._connect(set_)
        if not set_.enabled:
            return []
        told = self.board.look(readings(await self._evidence(), set_), self._now())
        for alert in told:
            _log.warning("alert %s %s: %s", alert.phase, alert.id, alert.reading.told)
            for post in self._posts:
                post.put(alert)
        if told:
            await asyncio.to_thread(_remember, self._place, self.board.alerts)
        return told

    async def _run(self) -> None:
        while True:
            try:
                await self.look()
            except (LedgerError, OSError) as error:
                _log.error("alerts could not be looked at, they are again at the next look: %s", error)
            await asyncio.sleep(self._snapshot().config.alerts.every_s)

    async def _connect(self, set_: Alerts) -> None:
        """Channels are made anew when a reload has changed them; what waits in the old ones is lost with them."""
        assert self._session is not None  # noqa: S101 - opened before the first look
        if set_ == self._set:
            return
        self._set = set_
        await asyncio.gather(*(post.close() for post in self._posts))
        self._posts = [Post(channel) for channel in channels(set_, self._session, self._now)]
        for post in self._posts:
            post.open()

    async def _evidence(self) -> Evidence:
        snapshot, now = self._snapshot(), self._now()
        sample = counters.read(self._registry, time.monotonic())
        told = await asyncio.to_thread(from_ledger, self._ledger.path, now)
        return Evidence(
            now=now, counts=self._window.take(sample), budgets=self._budgets(), lag_s=self._ledger.lag_s(),
            failing=self._ledger.failing, reload_failures=self._refused(snapshot, sample), kv_cache=_kv_cache(snapshot),
            **told,
        )  # fmt: skip

    def _refused(self, snapshot: Snapshot, sample: counters.Sample) -> float:
        """Reloads that were refused since the configuration that serves was taken."""
        failures = sample.values.get(("tiergate_config_reload_failures_total", ()), 0.0)
        if snapshot.generation != self._taken[0]:
            self._taken = (snapshot.generation, failures)
        return failures - self._taken[1]


def _kv_cache(snapshot: Snapshot) -> dict[tuple[str, str], float]:
    return {
        (tier.name, replica.name): replica.load.kv_cache
        for tier in snapshot.tiers.values()
        for replica in tier.replicas
        if replica.load is not None and replica.load.kv_cache is not None
    }


def _remember(place: Path, alerts: Sequence[Alert]) -> None:
    """So that a restart tells nobody again. Written aside and put in place whole."""
    aside = place.with_suffix(".part")
    aside.write_bytes(orjson.dumps(alerts))
    aside.replace(place)


def _remembered(place: Path) -> list[Alert]:
    try:
        return [
            Alert(**{**alert, "reading": Reading(**alert["reading"])}) for alert in orjson.loads(place.read_bytes())
        ]
    except FileNotFoundError:
        return []
    except (ValueError, TypeError, KeyError) as error:
        _log.warning("%s cannot be read, alerts begin anew: %s", place, error)
        return []
