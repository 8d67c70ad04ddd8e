"""A period of time as people write it: 90m, 24h, 7d, 4w."""

import re

from router.cli.console import fail

_UNITS_S = {"m": 60, "h": 3600, "d": 86400, "w": 604800}


def duration_ns(option: str, text: str) -> int:
    """Nanoseconds; ends the command with what is allowed where it is no such text."""
    match = re.fullmatch(r"(\d{1,6})([mhdw])", text)
    if match is None:
        fail(f"{option}: found {text!r}, allowed a number and m, h, d or w, such as 24h.")
    return int(match[1]) * _UNITS_S[match[2]] * 1_000_000_000
