"""Identifiers: sortable by time, unguessable, short enough to read aloud at 3 a.m."""

import os
import time
from collections.abc import Iterator

_AT_ONCE = 512  # one system call for so many identifiers


def new_id(prefix: str) -> str:
    """`prefix-` + 11 hex digits of Unix milliseconds + 16 hex digits of randomness. For one thread."""
    return f"{prefix}-{time.time_ns() // 1_000_000:011x}{next(_random)}"


def _randomness() -> Iterator[str]:
    while True:
        digits = os.urandom(8 * _AT_ONCE).hex()
        for start in range(0, len(digits), 16):
            yield digits[start : start + 16]


_random = _randomness()
