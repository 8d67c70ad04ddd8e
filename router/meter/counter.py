"""The counter of one replica: from readings that only grow, or begin anew, to pieces of an hour."""

from dataclasses import dataclass, field

from router.meter.store import Piece
from tiers.types import Load

HOUR_NS = 3_600_000_000_000


@dataclass(slots=True)
class Counter:
    """fresh_from_zero: the engine began with this gateway, so that all it counted is ours."""

    tier: str
    replica: str
    engine: str
    kind: str
    fresh_from_zero: bool
    _finished: list[Piece] = field(default_factory=list)
    _open: Piece | None = None
    _last: Load | None = None
    _looked_ns: int | None = None
    _busy_ns: int = 0
    _up_ns: int = 0

    def look(self, now_ns: int, *, up: bool, busy: bool) -> None:
        """Note what the replica is doing; called every few seconds."""
        elapsed_ns = 0 if self._looked_ns is None else now_ns - self._looked_ns
        self._looked_ns = now_ns
        self._busy_ns += elapsed_ns if busy else 0
        self._up_ns += elapsed_ns if up else 0

    def read(self, now_ns: int, load: Load | None) -> None:
        """Take a reading of this very moment; load: None where the engine did not answer."""
        if self._open is None:
            self._begin(now_ns, load)
            return
        if load is None:
            return
        prompt, output, reset = self._grown(load)
        now = self._open
        self._open = Piece(
            now.tier, now.replica, now.engine, now.kind, now.from_ns, now_ns, _sum(now.prompt_tokens, prompt),
            _sum(now.output_tokens, output), now.busy_ns + self._busy_ns, now.up_ns + self._up_ns, now.resets + reset,
        )  # fmt: skip
        self._busy_ns = self._up_ns = 0
        self._last = load
        if now_ns // HOUR_NS != now.from_ns // HOUR_NS:
            self._finished.append(self._open)
            self._open = self._piece(now_ns)

    def pieces(self) -> list[Piece]:
        """Pieces to be written: the finished ones, and the open one as far as it goes."""
        return self._finished if self._open is None else [*self._finished, self._open]

    def kept(self, pieces: list[Piece]) -> None:
        """These were written."""
        self._finished = [piece for piece in self._finished if piece not in pieces]

    def _begin(self, now_ns: int, load: Load | None) -> None:
        """What an engine counted before the first reading was not for this gateway, unless it began with it."""
        if load is None and not self.fresh_from_zero:
            return
        self._last = Load(prompt_tokens=0, output_tokens=0) if self.fresh_from_zero else load
        self._open = self._piece(now_ns)

    def _piece(self, now_ns: int) -> Piece:
        known = self._last or Load()
        prompt = None if known.prompt_tokens is None else 0
        output = None if known.output_tokens is None else 0
        return Piece(self.tier, self.replica, self.engine, self.kind, now_ns, now_ns, prompt, output, 0, 0, 0)

    def _grown(self, load: Load) -> tuple[int | None, int | None, bool]:
        last = self._last or Load()
        readings = [(load.prompt_tokens, last.prompt_tokens), (load.output_tokens, last.output_tokens)]
        reset = any(now is not None and before is not None and now < before for now, before in readings)
        prompt, output = (None if now is None else now - (0 if reset else before or 0) for now, before in readings)
        return prompt, output, reset


def _sum(one: int | None, other: int | None) -> int | None:
    return None if one is None or other is None else one + other
