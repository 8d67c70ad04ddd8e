"""The time limits of one call."""

import asyncio
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
        return _Limit(*self._next())

    def _next(self) -> tuple[float, Phase, float]:
        total: tuple[float, Phase, float] = (self._total_at, "total", self._timeouts.total_s)
        if not self._streamed:
            return total
        if not self.begun:
            return min((self._first_at, "first_token", self._timeouts.first_token_s), total)
        return min((self._loop.time() + self._timeouts.idle_s, "idle", self._timeouts.idle_s), total)


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
            raise TimedOut(f"{_WORDS[self._phase]} within {self._seconds:g} s", phase=self._phase) from error


_WORDS: dict[Phase, str] = {
    "connect": "no connection",
    "first_token": "no first token",
    "idle": "nothing more came",
    "total": "the answer was not finished",
}
