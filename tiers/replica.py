"""One replica: an engine, what it says of itself, and what our own calls say of it."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

from tiers.base import Engine
from tiers.breaker import Breaker
from tiers.errors import EngineFailed, Reason, TierError, TimedOut, Unreachable
from tiers.recent import Recent
from tiers.types import Limits, Load, ReplicaSpec

_CALLERS_FAULT: frozenset[Reason] = frozenset({"refused", "context"})
_BUSY: frozenset[Reason] = frozenset({"429", "overloaded"})
_FIRST_PAUSE_S, _LONGEST_PAUSE_S, _LONGEST_ASKED_S = 0.5, 30.0, 300.0


class Replica:
    """One place that serves a tier's model.

    up: it was opened and answered its last health check. error: why it is not up. load: its own gauges as
    last scraped, None where it gave none. inflight: our requests under way.
    """

    def __init__(self, spec: ReplicaSpec, engine: Engine, *, limits: Limits, clock: Callable[[], float]) -> None:
        self.spec = spec
        self.name = spec.name or urlsplit(spec.url).netloc.rpartition("@")[2] or "local"
        self.engine = engine
        self.breaker = Breaker(clock)
        self.up = False
        self.draining = False
        self.error: TierError | None = None
        self.load: Load | None = None
        self.inflight = 0
        self.ttft = Recent()
        self.inter_token = Recent()
        self._limits = limits
        self._clock = clock
        self._busy_until = 0.0
        self._busy_in_a_row = 0

    @property
    def serving(self) -> bool:
        """Whether it works at all: up, not draining, breaker not open."""
        return self.up and not self.draining and self.breaker.state != "open"

    @property
    def full(self) -> bool:
        """Whether a limit is reached, or the engine asked for a pause that is not over."""
        load, limits = self.load, self._limits
        return (
            self.inflight >= limits.max_inflight
            or self._clock() < self._busy_until
            or (load is not None and load.kv_cache is not None and load.kv_cache > limits.max_kv_cache)
            or (load is not None and load.waiting is not None and load.waiting > limits.max_waiting)
        )

    @property
    def accepts(self) -> bool:
        return self.serving and not self.full and self.breaker.admits

    @contextmanager
    def lease(self) -> Iterator[None]:
        """Count one call in flight; in a half-open breaker the first lease is the probe."""
        probe = self.breaker.begin()
        self.inflight += 1
        try:
            yield
        finally:
            self.inflight -= 1
            self.breaker.end(probe=probe)

    def observe(
        self,
        ok: bool,
        reason: Reason | None = None,
        *,
        ttft_s: float | None = None,
        inter_token_s: float | None = None,
        retry_after_s: float | None = None,
    ) -> None:
        """Report how a call ended, inside its lease. A call that our own caller gave up on is not reported.

        reason: `TierError.reason` where it failed. ttft_s, inter_token_s: measured on this call, None where
        it was not streamed. retry_after_s: `Overloaded.retry_after_s`.
        """
        if ttft_s is not None:
            self.ttft.add(ttft_s)
        if inter_token_s is not None:
            self.inter_token.add(inter_token_s)
        if reason in _BUSY:
            self._pause(retry_after_s)
        elif ok or reason in _CALLERS_FAULT:
            self._busy_in_a_row = 0
            self.breaker.succeed()
        else:
            self.breaker.fail()

    async def open(self) -> bool:
        """Open the engine; on failure keep the error and return False."""
        try:
            await self.engine.open()
        except TierError as error:
            self._went_down(error)
        except Exception as error:  # noqa: BLE001  one engine's defect must not stop the gateway
            self._went_down(EngineFailed(f"{type(error).__name__}: {error}"))
        else:
            self.up, self.error = True, None
        return self.up

    async def check(self) -> None:
        """One health check: ask an up replica for its load, open one that is down.

        Only a refused or timed-out connection takes it down; an engine without readable gauges stays up
        without them.
        """
        if not self.up:
            await self.open()
            return
        try:
            self.load = await self.engine.load()
        except Unreachable as error:
            self._went_down(error)
        except TimedOut as error:
            self.load = None
            if error.phase == "connect":
                self._went_down(error)
        except Exception:  # noqa: BLE001  whatever cannot be read of its load, it may serve all the same
            self.load = None

    def _went_down(self, error: TierError) -> None:
        self.up, self.error, self.load = False, error, None

    def _pause(self, retry_after_s: float | None) -> None:
        """Take nothing new for as long as the engine asked, else twice as long each time."""
        if retry_after_s is None:
            pause_s = min(_LONGEST_PAUSE_S, _FIRST_PAUSE_S * 2**self._busy_in_a_row)
            self._busy_in_a_row = min(self._busy_in_a_row + 1, 10)
        else:
            pause_s = min(_LONGEST_ASKED_S, retry_after_s)
        self._busy_until = self._clock() + pause_s
