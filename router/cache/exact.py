"""Answers kept in memory for requests that repeat exactly."""

import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, replace

from tiers.types import Usage

_OVERHEAD_BYTES = 600  # of an entry beside its body: the key, the objects, the two indexes


@dataclass(frozen=True, slots=True)
class Entry:
    """A whole answer and what it cost when it was made.

    body: the JSON as it was sent. decision: why that tier answered.
    cost_nusd: None where the price was unknown. team: whose answer it is, for
    `forget`. stored_at: seconds of the cache's clock, which sets it; None before.
    """

    body: bytes
    tier: str
    model: str
    usage: Usage
    cost_nusd: int | None
    stored_at: float | None = None
    team: str = ""
    decision: str = ""


@dataclass(frozen=True, slots=True)
class _Kept:
    entry: Entry
    until: float
    size: int


class ExactCache:
    """At most `max_bytes` of answers; the least recently used go first. clock: seconds, monotonic.

    For one event loop; nothing is shared between processes.
    """

    def __init__(self, max_bytes: int, clock: Callable[[], float] = time.monotonic) -> None:
        self.evicted = 0
        self._max_bytes = max_bytes
        self._clock = clock
        self._kept: OrderedDict[bytes, _Kept] = OrderedDict()
        self._of_team: dict[str, set[bytes]] = {}
        self._bytes = 0

    def __len__(self) -> int:
        return len(self._kept)

    @property
    def size_bytes(self) -> int:
        """What the entries take, their overhead included."""
        return self._bytes

    def get(self, key: bytes) -> Entry | None:
        """The answer under this key, unless its time is over."""
        kept = self._kept.get(key)
        if kept is None:
            return None
        if self._clock() >= kept.until:
            self._remove(key)
            return None
        self._kept.move_to_end(key)
        return kept.entry

    def put(self, key: bytes, entry: Entry, ttl_s: float) -> bool:
        """Keep an answer for `ttl_s` seconds, in place of an earlier one; False where it is too large."""
        self._remove(key)
        size = len(entry.body) + _OVERHEAD_BYTES
        if size > self._max_bytes or ttl_s <= 0:
            return False
        now = self._clock()
        self._kept[key] = _Kept(replace(entry, stored_at=now), now + ttl_s, size)
        self._of_team.setdefault(entry.team, set()).add(key)
        self._bytes += size
        while self._bytes > self._max_bytes:
            self._remove(next(iter(self._kept)))
            self.evicted += 1
        return True

    def forget(self, team: str) -> int:
        """Drop every answer of this team; how many there were."""
        keys = list(self._of_team.get(team, ()))
        for key in keys:
            self._remove(key)
        return len(keys)

    def _remove(self, key: bytes) -> None:
        kept = self._kept.pop(key, None)
        if kept is None:
            return
        self._bytes -= kept.size
        keys = self._of_team[kept.entry.team]
        keys.discard(key)
        if not keys:
            del self._of_team[kept.entry.team]
