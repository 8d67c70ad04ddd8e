"""The groups of the export: a month's attempts by hour, team, key, tier, model and price."""

import sqlite3
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

from router.ledger.sqlite import LedgerError, connect_reader
from router.money import Price

HOUR_NS = 3_600_000_000_000
_ROWS = """
SELECT started_ns, team, key_id, tier, model, price_version, cost_nusd,
  input_tokens, cached_input_tokens, output_tokens, reasoning_tokens
FROM attempt WHERE started_ns >= ? AND started_ns < ? AND kind <> 'cache_hit'
"""


class Key(NamedTuple):
    """price: the version of the figures that these tokens were billed at, of the step that their prompts reached."""

    start_ns: int
    team: str
    key_id: str
    tier: str
    model: str
    version: str
    price: str
    counted: bool


@dataclass(slots=True)
class Group:
    """cost_nusd and tokens of all its attempts; input without the cached ones, output with the reasoning ones."""

    cost_nusd: int = 0
    input: int = 0
    cached_input: int = 0
    output: int = 0
    reasoning: int = 0


@dataclass(frozen=True, slots=True)
class Month:
    """What a month of the ledger holds. unpriced: attempts whose cost is unknown, which are in no group."""

    groups: Mapping[Key, Group]
    unpriced: int


def month_bounds_ns(month: str) -> tuple[int, int]:
    """Start and end of `2026-11`, UTC, in Unix nanoseconds. Raises ValueError for anything else."""
    try:
        first = datetime.strptime(month, "%Y-%m").replace(tzinfo=UTC)
    except ValueError:
        raise ValueError(f"--month: found {month!r}, allowed a year and a month, such as 2026-11.") from None
    after = first.replace(year=first.year + first.month // 12, month=first.month % 12 + 1)
    return int(first.timestamp()) * 1_000_000_000, int(after.timestamp()) * 1_000_000_000


def grouped(path: Path, month: str, prices: Mapping[str, Price]) -> Month:
    """The month's attempts, corrections included, each in the hour in which it began. Raises LedgerError.

    Reads row by row: memory grows with the groups, not with the attempts. prices: by version.
    """
    groups: dict[Key, Group] = {}
    unpriced = 0
    with closing(connect_reader(path)) as connection:
        try:
            for row in connection.execute(_ROWS, month_bounds_ns(month)):
                if row["cost_nusd"] is None:
                    unpriced += 1
                    continue
                group = groups.setdefault(_key(row, prices.get(row["price_version"])), Group())
                group.cost_nusd += row["cost_nusd"]
                group.input += row["input_tokens"] or 0
                group.cached_input += row["cached_input_tokens"] or 0
                group.output += row["output_tokens"] or 0
                group.reasoning += row["reasoning_tokens"] or 0
        except sqlite3.Error as error:
            raise LedgerError(f"{path}: {error}") from error
    return Month(groups, unpriced)


def _key(row: sqlite3.Row, price: Price | None) -> Key:
    counted = row["input_tokens"] is not None
    reached = "" if price is None else price.version
    if price is not None and price.over and counted:
        reached = price.at(row["input_tokens"] + row["cached_input_tokens"]).version
    return Key(
        row["started_ns"] // HOUR_NS * HOUR_NS, row["team"], row["key_id"], row["tier"], row["model"],
        row["price_version"], reached, counted,
    )  # fmt: skip
