"""One replica: an engine, what it says of itself, and what our own calls say of it."""

import zlib
from collections.abc import Callable
from types import TracebackType
from typing import Literal, Self
from urllib.parse import urlsplit

from tiers.base import Engine
from tiers.breaker import Breaker
from tiers.errors import EngineFailed, Reason, TierError, TimedOut, Unreachable
from tiers.gauges import Gauges
from tiers.latency import Latency, Slow, Timing
from tiers.recent import Recent, Smoothed
from tiers.types import Limits, Load, ReplicaSpec

ReplicaState = Literal["up", "full", "probing", "ejected", "draining", "drained", "down"]
_CALLERS_FAULT: frozenset[Reason] = frozenset({"refused", "context"})
_BUSY: frozenset[Reason] = frozenset({"429", "overloaded"})
_FIRST_PAUSE_S, _LONGEST_PAUSE_S, _LONGEST_ASKED_S = 0.5, 30.0, 300.0
_NOTHING = Timing()


class Replica:
    """One place that serves a tier's model.

    place: its number within the tier. up: it was opened and answered its last health check. error: why it is not up.
    inflight: our requests under way; tokens: their prompts and predicted answers. draining: nothing new is sent;
    interrupted: until it has gone and come back. slow: why it was ejected, where that was for its latency.
    service: seconds that a call holds its place. changed: called when it may take more than before.
    """

    def __init__(
        self,
        spec: ReplicaSpec,
        engine: Engine,
        *,
        limits: Limits,
        clock: Callable[[], float],
        place: int = 0,
        changed: Callable[[], None] = lambda: None,
    ) -> None:
        self.spec = spec
        self.place = place
        self.name = spec.name or urlsplit(spec.url).netloc.rpartition("@")[2] or "local"
        self.seed = zlib.crc32(self.name.encode())
        self.engine = engine
        self.breaker = Breaker(clock)
        self.gauges = Gauges(limits, clock)
        self.latency = Latency()
        self.up = False
        self.draining = False
        self.interrupted = False
        self.error: TierError | None = None
        self.slow: Slow | None = None
        self.inflight = 0
        self.tokens = 0
        self.ttft = Recent()
        self.inter_token = Recent()
        self.service = Smoothed()
        self._limits = limits
        self._clock = clock
        self._changed = changed
        self._busy_until = 0.0
        self._busy_in_a_row = 0

    @property
    def load(self) -> Load | None:
        """Its gauges as last scraped, None where it gave none or they are stale."""
        return self.gauges.load

    @property
    def serving(self) -> bool:
        """Whether it works at all: up, not draining, breaker not open."""
        return self.up and not self.draining and self.breaker.state != "open"

    @property
    def full(self) -> bool:
        """Whether a limit is reached, or the engine asked for a pause that is not over."""
        return (
            self.inflight >= self._limits.max_inflight
            or (self._busy_until != 0 and self.paused_s > 0)
            or (self.gauges.read_over and self.gauges.over)
        )

    @property
    def paused_s(self) -> float:
        """Seconds left of the pause that the engine asked for."""
        return max(0.0, self._busy_until - self._clock())

    @property
    def accepts(self) -> bool:
        breaker = self.breaker
        return self.up and not self.draining and not self.full and (breaker.closed or breaker.admits)

    @property
    def opens_in_s(self) -> float | None:
        """Seconds until time alone makes it take work again; None where something else must happen."""
        if not self.up or self.draining or self.inflight >= self._limits.max_inflight:
            return None
        return max(self.paused_s, self.breaker.opens_in_s) or None

    @property
    def state(self) -> ReplicaState:
        if self.draining:
            return "draining" if self.inflight else "drained"
        if not self.up:
            return "down"
        if self.breaker.state != "closed":
            return "ejected" if self.breaker.state == "open" else "probing"
        return "full" if self.full else "up"

    def lease(self, tokens: int = 1) -> "Lease":
        """Take a place for one call; in a half-open breaker the first lease is the probe."""
        return Lease(self, tokens, self._clock())

    def given_back(self, since: float) -> None:
        """A lease that was taken at `since` has ended."""
        self.service.add(self._clock() - since)
        self._changed()

    def observe(
        self,
        ok: bool,
        reason: Reason | None = None,
        *,
        timing: Timing = _NOTHING,
        retry_after_s: float | None = None,
    ) -> None:
        """Report how a call ended, inside its lease. A call that our own caller gave up on is not reported.

        reason: `TierError.reason` where it failed. retry_after_s: `Overloaded.retry_after_s`.
        """
        if reason in _BUSY:
            self._pause(retry_after_s)
        elif ok:
            self._answered(timing)
        elif reason in _CALLERS_FAULT:
            self._busy_in_a_row = 0
            self.breaker.succeed()
        else:
            self.breaker.fail()

    def eject(self, slow: Slow) -> None:
        """Take it out for being slow; after the breaker's pause one call tries it."""
        self.slow = slow
        self.latency.clear()
        self.breaker.trip()

    def drain(self, *, interrupted: bool = False) -> None:
        """Send it nothing new; what is in flight goes on. interrupted: until it was down and is up again."""
        self.draining, self.interrupted = True, interrupted

    def undrain(self) -> None:
        self.draining = self.interrupted = False
        self._changed()

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
            self.breaker.hasten()
            if self.interrupted:  # the machine that was taken away has been given back
                self.draining = self.interrupted = False
        return self.up

    async def check(self) -> None:
        """One health check: ask an up replica for its load, open one that is down.

        Only a refused or timed-out connection takes it down; an engine without readable gauges stays up
        without them.
        """
        if self.up:
            await self._ask()
        else:
            await self.open()
        self._changed()

    async def _ask(self) -> None:
        try:
            self.gauges.read(await self.engine.load())
        except Unreachable as error:
            self._went_down(error)
        except TimedOut as error:
            self.gauges.read(None)
            if error.phase == "connect":
                self._went_down(error)
        except Exception:  # noqa: BLE001  whatever cannot be read of its load, it may serve all the same
            self.gauges.read(None)

    def _answered(self, timing: Timing) -> None:
        if timing.ttft_s is not None:
            self.ttft.add(timing.ttft_s)
        if timing.inter_token_s is not None:
            self.inter_token.add(timing.inter_token_s)
        self._busy_in_a_row = 0
        if self.breaker.state == "half_open" and self.slow is not None and self.slow.still(timing):
            self.breaker.fail()
            return
        self.breaker.succeed()
        if self.breaker.state == "closed":
            self.slow = None
            self.latency.add(self._clock(), timing)

    def _went_down(self, error: TierError) -> None:
        self.up, self.error = False, error
        self.gauges.read(None)

    def _pause(self, retry_after_s: float | None) -> None:
        """Take nothing new for as long as the engine asked, else twice as long each time."""
        if retry_after_s is None:
            pause_s = min(_LONGEST_PAUSE_S, _FIRST_PAUSE_S * 2**self._busy_in_a_row)
            self._busy_in_a_row = min(self._busy_in_a_row + 1, 10)
        else:
            pause_s = min(_LONGEST_ASKED_S, retry_after_s)
        self._busy_until = self._clock() + pause_s


class Lease:
    """One call's place on a replica: taken when made, given back once, however often that is asked for.

    tokens: of its prompt and its predicted answer.
    """

    __slots__ = ("_held", "_probe", "_since", "replica", "tokens")

    def __init__(self, replica: Replica, tokens: int, now: float) -> None:
        self.replica = replica
        self.tokens = tokens
        self._since = now
        self._held = True
        self._probe = not replica.breaker.closed and replica.breaker.begin()
        replica.inflight += 1
        replica.tokens += tokens

    def release(self) -> None:
        if not self._held:
            return
        self._held = False
        replica = self.replica
        replica.inflight -= 1
        replica.tokens -= self.tokens
        if self._probe:
            replica.breaker.end(probe=True)
        replica.given_back(self._since)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()
