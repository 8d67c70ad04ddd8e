"""Affinity: which replicas have served a prompt's beginning lately, and so may have it in their cache."""

from collections.abc import Sequence

_SIZE = 16_384
_SPREAD = 0x9E3779B97F4A7C15  # 2^64 / golden ratio: Fibonacci hashing


class Affinity:
    """Remembers prefix -> replicas (as bits of an integer); the prefix that was used longest ago is forgotten first."""

    def __init__(self, size: int = _SIZE) -> None:
        self._size = size
        self._served: dict[int, int] = {}

    def __len__(self) -> int:
        return len(self._served)

    def served(self, prefixes: Sequence[int]) -> tuple[int, int]:
        """(the replicas that served the longest known prefix, as bits; its place in `prefixes`, longest first).

        No bits, and the place behind the last, where none is known.
        """
        for place, prefix in enumerate(prefixes):
            if bits := self._served.get(prefix):
                return bits, place
        return 0, len(prefixes)

    def remember(self, prefixes: Sequence[int], place: int) -> None:
        """The replica at `place` serves a prompt with these prefixes now."""
        served = self._served
        for prefix in prefixes:
            served[prefix] = served.pop(prefix, 0) | 1 << place
        while len(served) > self._size:
            del served[next(iter(served))]


def rendezvous(prefix: int, seeds: Sequence[int]) -> int:
    """The place of the replica that this prefix belongs to: the same in every gateway and after every start.

    Highest random weight (Thaler and Ravishankar, 1998): when a replica goes, only its own prefixes move.
    """
    weights = [((prefix ^ seed) * _SPREAD) & 0xFFFFFFFFFFFFFFFF for seed in seeds]
    return max(range(len(weights)), key=weights.__getitem__)
