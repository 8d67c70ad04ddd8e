"""Gauges: what an engine last said of its load, and until when that is worth anything."""

from collections.abc import Callable

from tiers.types import Limits, Load

# A replica is asked every 10 s; what is older than two questions that came to nothing says nothing.
STALE_S = 25.0
_UNKNOWN_PRESSURE = 0.5


class Gauges:
    """One replica's load as last scraped; stale or missing is unknown, and never idle.

    read_over: whether a limit was passed when it was last read, however long ago; over: and that still counts.
    """

    def __init__(self, limits: Limits, clock: Callable[[], float]) -> None:
        self._limits = limits
        self._clock = clock
        self._load: Load | None = None
        self._read_at = 0.0
        self._pressure: float | None = None
        self.read_over = False

    def read(self, load: Load | None) -> None:
        """load: None where the engine could not be asked."""
        self._load, self._read_at = load, self._clock()
        self._pressure = None if load is None else _pressure(load, self._limits)
        self.read_over = load is not None and _over(load, self._limits)

    @property
    def load(self) -> Load | None:
        return self._load if self._fresh else None

    @property
    def over(self) -> bool:
        return self.read_over and self._fresh

    @property
    def pressure(self) -> float:
        """How near to a limit the fullest gauge is, 1 at the limit; unknown counts as half."""
        return self._pressure if self._pressure is not None and self._fresh else _UNKNOWN_PRESSURE

    @property
    def _fresh(self) -> bool:
        return self._load is not None and self._clock() - self._read_at <= STALE_S


def _over(load: Load, limits: Limits) -> bool:
    return (load.kv_cache is not None and load.kv_cache > limits.max_kv_cache) or (
        load.waiting is not None and load.waiting > limits.max_waiting
    )


def _pressure(load: Load, limits: Limits) -> float | None:
    """None where no gauge is known."""
    shares = []
    if load.kv_cache is not None:
        shares.append(load.kv_cache / limits.max_kv_cache)
    if load.waiting is not None and load.running is not None:
        shares.append((load.running + load.waiting) / (limits.max_inflight + limits.max_waiting))
    return max(shares) if shares else None
