"""The time limits of one call."""

import asyncio
from collections.abc import Callable
from types import TracebackType

from tiers.errors import Phase, TimedOut
from tiers.types import Timeouts


class Deadlines:
    """Starts counting when made, on the event loop's clock.

    A streamed call has until `first_token_s` for its first data event, then `idle_s` from one piece to the
    next; `total_s` holds for every call. Set `begun` when the first data event was seen.
    """

    def __init__(self, timeouts: Timeouts, *, streamed: bool) -> None:
        self._loop = asyncio.get_running_loop()
        now = self._loop.time()
        self._timeouts = timeouts
        self._total_at = now + timeouts.total_s
        self._first_at = now + timeouts.first_token_s
        self._streamed = streamed
        self.begun = False

    def limit(self) -> "_Limit":
        """Hold what is awaited inside to the limit that comes next. Raises TimedOut with its phase."""
        return _Limit(*self.next(self._loop.time()))

    def next(self, since: float) -> tuple[float, Phase, float]:
        """When the limit that comes next is reached, which one it is, and its seconds. since: when waiting began."""
        total: tuple[float, Phase, float] = (self._total_at, "total", self._timeouts.total_s)
        if not self._streamed:
            return total
        if not self.begun:
            return min((self._first_at, "first_token", self._timeouts.first_token_s), total)
        return min((since + self._timeouts.idle_s, "idle", self._timeouts.idle_s), total)


class Watch:
    """The same limits for a stream whose pieces come by the thousand: one timer that is rarely moved.

    late: told a limit that was passed while somebody waited; what a slow reader takes is not counted.
    """

    def __init__(self, deadlines: Deadlines, late: Callable[[TimedOut], None]) -> None:
        self._loop = asyncio.get_running_loop()
        self._deadlines = deadlines
        self._late = late
        self._since: float | None = None
        self._timer: asyncio.TimerHandle | None = None

    def wait(self) -> None:
        """From here on somebody waits for the next piece."""
        self._since = self._loop.time()
        if self._timer is None:
            self._timer = self._loop.call_at(self._deadlines.next(self._since)[0], self._ring)

    def came(self) -> None:
        """Nobody waits any more."""
        self._since = None

    def stop(self) -> None:
        """Until the next `wait`; also where an earlier limit than the timer's holds from now on."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _ring(self) -> None:
        self._timer = None
        if self._since is None:
            return
        at, phase, seconds = self._deadlines.next(self._since)
        if self._loop.time() >= at:
            self._late(_timed_out(phase, seconds))
        else:
            self._timer = self._loop.call_at(at, self._ring)


class _Limit:
    """`asyncio.timeout_at` that says which limit it was."""

    __slots__ = ("_phase", "_seconds", "_timeout")

    def __init__(self, at: float, phase: Phase, seconds: float) -> None:
        self._timeout = asyncio.timeout_at(at)
        self._phase: Phase = phase
        self._seconds = seconds

    async def __aenter__(self) -> None:
        await self._timeout.__aenter__()

    async def __aexit__(
        self, kind: type[BaseException] | None, raised: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            await self._timeout.__aexit__(kind, raised, trace)
        except TimeoutError as error:
            raise _timed_out(self._phase, self._seconds) from error


def _timed_out(phase: Phase, seconds: float) -> TimedOut:
    return TimedOut(f"{_WORDS[phase]} within {seconds:g} s", phase=phase)


_WORDS: dict[Phase, str] = {
    "connect": "no connection",
    "first_token": "no first token",
    "idle": "nothing more came",
    "total": "the answer was not finished",
}
