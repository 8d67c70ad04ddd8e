"""The composition root: everything that lives as long as the gateway, opened in order and closed in reverse."""

import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack
from functools import partial
from pathlib import Path

from policies.schema import Config
from router.alerts.watch import Watch
from router.auth.keys import KeyStore
from router.auth.oidc import tokens_of
from router.cache.exact import ExactCache
from router.ledger.ledger import Ledger
from router.limits.limits import Limits
from router.limits.place import own_budgets, store_of
from router.limits.store import Store
from router.meter.meter import Meter
from router.observe.events import Bus, KeyRefused, Listener
from router.observe.log import AccessLog
from router.observe.metrics import Metrics
from router.observe.recorder import Recorder
from router.prices.throughput import measured
from router.reload import Reloader, TierBuilder
from router.settings import real_tier
from router.snapshot import Snapshot
from router.waiting import WaitingRoom

_log = logging.getLogger("tiergate")
_CACHE_BYTES = 64 << 20


class Services:
    """Made by `opened`; nothing else in the project makes these parts."""

    def __init__(self, reloader: Reloader, ledger: Ledger, keys: KeyStore, cache: ExactCache, limits: Store) -> None:
        self.reloader = reloader
        self.ledger = ledger
        self.keys = keys
        self.cache = cache
        self.metrics = Metrics()
        self.access_log = AccessLog()
        self.bus = Bus(())
        self.waiting = WaitingRoom(self.bus.emit)
        self.limits = Limits(
            limits,
            ledger,
            rules=lambda: self.snapshot.limits,
            own=lambda: own_budgets(keys.known(), self.snapshot.limits),
            emit=lambda event: self.bus.emit(event),  # noqa: PLW0108 - the bus of that moment
        )
        self.alerts = Watch(lambda: self.snapshot, ledger, self.metrics.registry, self.limits.states)
        self.classifier_thread = ThreadPoolExecutor(1, thread_name_prefix="classifier")

    @property
    def snapshot(self) -> Snapshot:
        """The configuration that serves now; a request takes it once and keeps it."""
        return self.reloader.snapshot

    def log_defect(self, request_id: str, error: BaseException) -> None:
        """A defect of ours, with its trace, under the request's id."""
        _log.error("request %s failed inside Tiergate", request_id, exc_info=error)


class Opening:
    """Opens the services for one run of the gateway.

    path: the configuration file. read: reads it again, raising ConfigError. build: makes the tiers, real ones unless a
    test says otherwise. listeners: more listeners for the events.
    """

    def __init__(
        self,
        path: Path,
        read: Callable[[], Config],
        *,
        build: TierBuilder | None = None,
        listeners: tuple[Listener, ...] = (),
    ) -> None:
        self._path = path
        self._read = read
        self._build = build or real_tier
        self._listeners = listeners
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> Services:
        """Raises ConfigError, LedgerError or ArtifactError, with everything that was opened closed again."""
        try:
            return await self._open()
        except BaseException:
            await self._stack.aclose()
            raise

    async def __aexit__(self, kind: object, error: object, trace: object) -> None:
        await self._stack.aclose()

    async def _open(self) -> Services:
        config = self._read()
        place = ledger_path(config)
        place.parent.mkdir(parents=True, exist_ok=True)
        ledger = Ledger.open(place)
        self._stack.callback(ledger.close)
        keys = KeyStore.open(place)
        self._stack.callback(keys.close)
        reloader = Reloader(self._path, self._read, self._build, partial(measured, place))
        services = Services(reloader, ledger, keys, ExactCache(_CACHE_BYTES), store_of(config))
        self._stack.callback(services.classifier_thread.shutdown, wait=True, cancel_futures=True)
        services.access_log.open()
        self._stack.callback(services.access_log.close)
        services.bus = Bus((Recorder(ledger), services.metrics, services.access_log, services.limits, *self._listeners))
        keys.listen(lambda why, key_id: services.bus.emit(KeyRefused(why, key_id)))
        services.waiting = WaitingRoom(services.bus.emit)
        self._stack.push_async_callback(reloader.close)
        await reloader.open(config, services.bus)
        if config.server.oidc is not None:
            tokens = tokens_of(config.server.oidc)
            await tokens.open()
            self._stack.push_async_callback(tokens.close)
            keys.accept(tokens.key)
        await services.limits.open()
        self._stack.push_async_callback(services.limits.close)
        meter = Meter(lambda: reloader.snapshot, place)
        await meter.open()
        self._stack.push_async_callback(meter.close)
        services.metrics.watch(lambda: reloader.snapshot, ledger.lag_s, services.limits.states)
        await services.alerts.open()
        self._stack.push_async_callback(services.alerts.close)
        return services


def ledger_path(config: Config) -> Path:
    """Where `state.ledger: sqlite:///...` points."""
    return Path(config.state.ledger_path)
