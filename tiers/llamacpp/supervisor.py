"""The supervisor: keeps one worker alive, starts it again when it dies, and tells those who were waiting on it."""

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable
from typing import Any

from tiers.errors import EngineFailed, TierError
from tiers.llamacpp.options import EngineOptions
from tiers.llamacpp.process import WorkerProcess, start_worker

FIRST_PAUSE_S = 0.1  # before the first restart; doubled for each that follows within STABLE_S
LONGEST_PAUSE_S = 30.0
STABLE_S = 60.0  # a worker that lived this long was no part of a crash loop

log = logging.getLogger(__name__)

Sleep = Callable[[float], Awaitable[None]]


class Supervisor:
    """Runs workers one after another. on_message gets each frame; on_death the reason, before the restart."""

    def __init__(
        self,
        options: EngineOptions,
        *,
        on_message: Callable[[Any], None],
        on_death: Callable[[str], None],
        clock: Callable[[], float],
        sleep: Sleep = asyncio.sleep,
    ) -> None:
        self._options = options
        self._on_message = on_message
        self._on_death = on_death
        self._clock = clock
        self._sleep = sleep
        self._worker: WorkerProcess | None = None
        self._ready = asyncio.Event()
        self._why_not = "the llama.cpp process has not been started"
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Start the first worker. Raises TierError where it cannot load its model; nothing is left running then."""
        self._enter(await start_worker(self._options))
        self._task = asyncio.create_task(self._keep_alive())

    async def stop(self) -> None:
        self._why_not = "the engine is closed"
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task
        worker, self._worker = self._worker, None
        self._ready.clear()
        if worker is not None:
            await worker.stop()

    @property
    def worker(self) -> WorkerProcess:
        """The worker that can be talked to now. Raises EngineFailed while there is none."""
        if self._worker is None:
            raise EngineFailed(self._why_not)
        return self._worker

    async def ready(self) -> None:
        """Wait until a worker serves."""
        await self._ready.wait()

    def _enter(self, worker: WorkerProcess) -> None:
        self._worker = worker
        self._ready.set()

    async def _keep_alive(self) -> None:
        pause_s = FIRST_PAUSE_S
        while True:
            began_s = self._clock()
            reason = await self._serve_until_death()
            pause_s = FIRST_PAUSE_S if self._clock() - began_s > STABLE_S else pause_s
            log.error("%s; starting it again in %.1f s", reason, pause_s)
            await self._sleep(pause_s)
            pause_s = await self._restart(pause_s)

    async def _serve_until_death(self) -> str:
        worker = self.worker
        async for message in worker.messages():
            self._on_message(message)
        self._worker = None
        self._ready.clear()
        self._why_not = "the llama.cpp process has just died and is being started again"
        self._on_death(self._why_not)
        self._why_not = f"{await worker.obituary()}; it is being started again"
        await worker.stop()
        return self._why_not

    async def _restart(self, pause_s: float) -> float:
        """Start workers until one lives; the pause to make before the next restart."""
        while True:
            pause_s = min(2 * pause_s, LONGEST_PAUSE_S)
            try:
                self._enter(await start_worker(self._options))
            except TierError as error:
                self._why_not = error.message
                log.error("%s; trying again in %.1f s", error.message, pause_s)  # noqa: TRY400 - no traceback needed
                await self._sleep(pause_s)
            else:
                return pause_s
