"""A circuit breaker: stops sending to a replica that keeps failing, and tries it again with one request."""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

State = Literal["closed", "open", "half_open"]


@dataclass(frozen=True, slots=True)
class BreakerSettings:
    """When a breaker opens and for how long; times in seconds.

    consecutive: failures in a row that open it. window_s, min_calls, failure_share: it also opens when at
    least `min_calls` ended within the window and this share of them failed. open_s: pause before the first
    probe; doubles with each failed probe up to max_open_s, so that what is mended is back within 30 s.
    """

    consecutive: int = 5
    window_s: float = 30.0
    min_calls: int = 20
    failure_share: float = 0.5
    open_s: float = 5.0
    max_open_s: float = 20.0


class Breaker:
    """Closed: all may pass. Open: none. Half-open: one probe decides. closed: the first of these.

    Ask `admits`, then bracket the call with `begin` and `end`; in between report `succeed` or `fail` at most
    once. A probe that ends without a report (the caller left) leaves the breaker half-open for the next one.
    """

    def __init__(self, clock: Callable[[], float], settings: BreakerSettings = BreakerSettings()) -> None:
        self._clock = clock
        self._settings = settings
        self._calls: deque[tuple[float, bool]] = deque(maxlen=max(200, settings.min_calls))
        self._in_a_row = 0
        self.closed = True
        self._opened_at = 0.0
        self._pause_s = settings.open_s
        self._probing = False

    @property
    def state(self) -> State:
        if self.closed:
            return "closed"
        return "half_open" if self._clock() - self._opened_at >= self._pause_s else "open"

    @property
    def admits(self) -> bool:
        return self.closed or (self.state == "half_open" and not self._probing)

    @property
    def opens_in_s(self) -> float:
        """Seconds until a probe may pass; 0 where one may pass now."""
        if self.closed:
            return 0.0
        return max(0.0, self._opened_at + self._pause_s - self._clock())

    def begin(self) -> bool:
        """Start a call; returns whether it is the probe, which `end` wants back."""
        if self.closed or self._probing or self.state != "half_open":
            return False
        self._probing = True
        return True

    def end(self, *, probe: bool) -> None:
        if probe:
            self._probing = False

    def succeed(self) -> None:
        """A call was answered. While open it is a late answer to an old call and changes nothing."""
        state = self.state
        if state == "half_open":
            self._close()
        if state != "open":
            self._record(ok=True)
            self._in_a_row = 0

    def fail(self) -> None:
        state = self.state
        if state == "half_open":
            self._open(min(self._pause_s * 2, self._settings.max_open_s))
        elif state == "closed":
            self._record(ok=False)
            self._in_a_row += 1
            if self._failing():
                self._open(self._settings.open_s)

    def hasten(self) -> None:
        """Something speaks for it: where it is open, a probe may pass now."""
        self._opened_at = min(self._opened_at, self._clock() - self._pause_s)

    def trip(self) -> None:
        """Open it for a reason other than a failed call."""
        self._open(self._settings.open_s)

    def _record(self, *, ok: bool) -> None:
        now = self._clock()
        self._calls.append((now, ok))
        while self._calls[0][0] < now - self._settings.window_s:
            self._calls.popleft()

    def _failing(self) -> bool:
        if self._in_a_row >= self._settings.consecutive:
            return True
        if len(self._calls) < self._settings.min_calls:
            return False
        failed = sum(not ok for _, ok in self._calls)
        return failed / len(self._calls) >= self._settings.failure_share

    def _open(self, pause_s: float) -> None:
        self.closed = False
        self._opened_at = self._clock()
        self._pause_s = pause_s

    def _close(self) -> None:
        self.closed = True
        self._pause_s = self._settings.open_s
        self._in_a_row = 0
        self._calls.clear()
