"""What the rules look at, gathered off the event loop."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from router.alerts.counters import Counts
from router.ledger import read
from router.ledger.sums import Sums, sums
from router.limits.state import BudgetState

NS = 1_000_000_000
HOUR_S, DAY_S, WEEK_S = 3600, 86_400, 7 * 86_400
_LOOP_S = 300
_MOST_ROWS = 2000


@dataclass(frozen=True, slots=True)
class Evidence:
    """now: Unix seconds. spend rates in USD.

    this_hour: spend by key since the hour began. same_hours: the whole same hour of each of the last four weeks.
    key_hours: each key's mean hour of the last seven days. teams: key to its team. unknown: (tier, model) to attempts
    of this hour and the one before without a price. loops: (key, team, model, prompt tokens) to how often it came in
    five minutes. reload_failures: since the configuration that serves was taken. kv_cache: (tier, replica) to its use.
    """

    now: float
    counts: Counts
    this_hour: Mapping[str, float]
    same_hours: Sequence[float]
    key_hours: Mapping[str, float]
    teams: Mapping[str, str]
    unknown: Mapping[tuple[str, str], int]
    loops: Mapping[tuple[str, str, str, int], int]
    budgets: Sequence[BudgetState]
    lag_s: float
    failing: str | None
    reload_failures: float
    kv_cache: Mapping[tuple[str, str], float]


def from_ledger(path: Path, now: float) -> dict[str, Any]:
    """The parts that the ledger tells. Blocks. Raises LedgerError."""
    hour = int(now) // HOUR_S * HOUR_S
    current = _sums(path, ("key", "team"), hour, hour + HOUR_S)
    week = _sums(path, ("key",), hour - WEEK_S, hour)
    unknown = _sums(path, ("tier", "model"), hour - HOUR_S, hour + HOUR_S)
    return {
        "this_hour": _spent(current, "key"),
        "same_hours": [_whole(path, hour - weeks * WEEK_S) for weeks in range(1, 5)],
        "key_hours": {key: usd / (WEEK_S // HOUR_S) for key, usd in _spent(week, "key").items()},
        "teams": {row.by["key"]: row.by["team"] for row in current},
        "unknown": {
            (row.by["tier"], row.by["model"]): row.attempts.unknown_cost for row in unknown if row.attempts.unknown_cost
        },
        "loops": _loops(path, now),
    }


def _sums(path: Path, by: Sequence[str], since: int, until: int) -> list[Sums]:
    return sums(path, by, since_ns=since * NS, until_ns=until * NS)


def _spent(rows: list[Sums], name: str) -> dict[str, float]:
    spent: dict[str, float] = {}
    for row in rows:
        spent[row.by[name]] = spent.get(row.by[name], 0) + row.attempts.cost_nusd / NS
    return spent


def _whole(path: Path, hour: int) -> float:
    return sum(row.attempts.cost_nusd for row in _sums(path, (), hour, hour + HOUR_S)) / NS


def _loops(path: Path, now: float) -> dict[tuple[str, str, str, int], int]:
    """The newest requests of five minutes, counted by what a program in a loop repeats."""
    page = read.requests(path, limit=_MOST_ROWS, since_ns=int((now - _LOOP_S) * NS))
    counts: dict[tuple[str, str, str, int], int] = {}
    for row in page.rows:
        prompt = row["facts"].get("prompt_tokens", row["input_tokens"])
        same = (row["key_id"], row["team"], row["client_model"], int(prompt))
        counts[same] = counts.get(same, 0) + 1
    return counts
