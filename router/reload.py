"""Reload: a new configuration is taken whole or not at all, while the old one goes on serving."""

import asyncio
import contextlib
import signal
from collections.abc import Callable, Coroutine, Mapping
from pathlib import Path

from classifier.errors import ArtifactError
from policies.problems import ConfigError
from policies.schema import Config
from router.observe.events import Bus, Reloaded
from router.prices.quote import Throughput
from router.settings import build_snapshot, classifier_of, tier_spec
from router.snapshot import Snapshot
from tiers.openai_http import HttpSession
from tiers.pool import Tier
from tiers.types import TierSpec

TierBuilder = Callable[[TierSpec, HttpSession], Tier]

_LOOK_S = 1.0
_RETIRE_LOOK_S = 0.5


class Reloader:
    """Owns the snapshot and the tiers in it.

    A reload opens the tiers that are new, keeps those whose specification is the same, swaps the snapshot in one
    assignment, and closes the tiers that are gone once their last request has ended. path: watched for changes.
    read: reads it, raising ConfigError. build: makes a tier, not yet open. measured: own GPUs' throughput.
    """

    def __init__(
        self,
        path: Path,
        read: Callable[[], Config],
        build: TierBuilder,
        measured: Callable[[Config], Mapping[str, Throughput]],
    ) -> None:
        self._path = path
        self._read = read
        self._build = build
        self._measured = measured
        self._session = HttpSession()
        self._snapshot: Snapshot | None = None
        self._bus = Bus(())
        self._turn = asyncio.Lock()
        self._tasks: set[asyncio.Task[None]] = set()
        self._seen = 0

    @property
    def snapshot(self) -> Snapshot:
        if self._snapshot is None:
            raise RuntimeError("the gateway is not open")
        return self._snapshot

    async def open(self, config: Config, bus: Bus) -> None:
        """Build the first snapshot and begin to watch. Raises ArtifactError; a tier that fails to open stays down."""
        self._bus = bus
        await self._session.open()
        self._seen = self._stamp()
        self._snapshot = await self._built(config)
        self._keep(self._watch())
        with contextlib.suppress(NotImplementedError, RuntimeError, ValueError):  # only the main thread has signals
            asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, lambda: self._keep(self._quietly()))

    async def close(self) -> None:
        for task in tuple(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        snapshot, self._snapshot = self._snapshot, None
        if snapshot is not None:
            await asyncio.gather(*(tier.close() for tier in snapshot.tiers.values()))
        await self._session.close()

    async def reload(self) -> Snapshot:
        """Read the file again and serve it. Raises ConfigError or ArtifactError, and then nothing has changed."""
        async with self._turn:
            try:
                config = await asyncio.to_thread(self._read)
                fresh = await self._built(config)
            except (ConfigError, ArtifactError) as error:
                self._bus.emit(Reloaded(ok=False, generation=self.snapshot.generation, message=str(error)))
                raise
            old, self._snapshot = self.snapshot, fresh
            self._bus.emit(Reloaded(ok=True, generation=fresh.generation))
            for name, tier in old.tiers.items():
                if fresh.tiers.get(name) is not tier:
                    self._keep(_retire(tier))
            return fresh

    async def _built(self, config: Config) -> Snapshot:
        old = self._snapshot
        if old is not None and old.config.classifier.artifact == config.classifier.artifact:
            classifier = old.classifier
        else:
            classifier = await asyncio.to_thread(classifier_of, config)
        kept: dict[str, Tier] = {}
        opened: list[Tier] = []
        for name, described in config.tiers.items():
            spec = tier_spec(name, described)
            if old is not None and name in old.tiers and old.tiers[name].spec == spec:
                kept[name] = old.tiers[name]
            else:
                kept[name] = self._build(spec, self._session)
                if old is not None and name in old.tiers:
                    kept[name].inherit(old.tiers[name])
                opened.append(kept[name])
        await asyncio.gather(*(tier.open() for tier in opened))
        generation = old.generation + 1 if old else 1
        measured = await asyncio.to_thread(self._measured, config)
        return build_snapshot(config, kept, classifier, generation=generation, measured=measured)

    async def _watch(self) -> None:
        while True:
            await asyncio.sleep(_LOOK_S)
            if (stamp := self._stamp()) != self._seen:
                self._seen = stamp
                await self._quietly()

    async def _quietly(self) -> None:
        """A reload that nobody waits for: what is wrong was told as an event."""
        with contextlib.suppress(ConfigError, ArtifactError):
            await self.reload()

    def _stamp(self) -> int:
        """Changes when the file does; a file that is away for a moment (an editor's rename) changes nothing."""
        try:
            return self._path.stat().st_mtime_ns
        except OSError:
            return self._seen

    def _keep(self, work: Coroutine[object, object, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


async def _retire(tier: Tier) -> None:
    """Close a tier when its last request has ended, or when no request may still be running."""
    try:
        async with asyncio.timeout(tier.spec.timeouts.total_s):
            while tier.inflight:  # noqa: ASYNC110 - a tier has no event for it, and nobody waits for this
                await asyncio.sleep(_RETIRE_LOOK_S)
    except TimeoutError:
        pass
    finally:
        await tier.close()
