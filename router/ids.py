"""Identifiers: sortable by time, unguessable, short enough to read aloud at 3 a.m."""

import os
import time


def new_id(prefix: str) -> str:
    """`prefix-` + 11 hex digits of Unix milliseconds + 16 hex digits of randomness."""
    return f"{prefix}-{time.time_ns() // 1_000_000:011x}{os.urandom(8).hex()}"
