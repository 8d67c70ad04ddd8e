"""What the ledger says was spent, on what, and by whom."""

import sqlite3
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from router.ledger.sqlite import LedgerError, connect_reader

_HOUR = "strftime('%Y-%m-%dT%H:00Z', {start} / 1000000000, 'unixepoch')"
_DAY = "strftime('%Y-%m-%d', {start} / 1000000000, 'unixepoch')"

# Dimension: how an attempt shows it (a, with its request q), how a request does.
_DIMENSIONS = {
    "team": ("a.team", "q.team"),
    "key": ("a.key_id", "q.key_id"),
    "user": ("a.user", "q.user"),
    "tier": ("a.tier", "q.tier"),
    "model": ("a.model", "q.model"),
    "kind": ("a.kind", None),
    "asked": ("q.client_model", "q.client_model"),
    "decision": ("q.decision", "q.decision"),
    "policy": ("q.policy", "q.policy"),
    "cache": ("q.cache", "q.cache"),
    "status": ("q.status", "q.status"),
    "hour": (_HOUR.format(start="a.started_ns"), _HOUR.format(start="q.started_ns")),
    "day": (_DAY.format(start="a.started_ns"), _DAY.format(start="q.started_ns")),
}
_TAG = "(SELECT value FROM json_each(q.tags) WHERE key = ?)"
DIMENSIONS = (*_DIMENSIONS, "tag.NAME")

_ATTEMPT_FIGURES = """count(*), coalesce(sum(a.input_tokens), 0), coalesce(sum(a.cached_input_tokens), 0),
  coalesce(sum(a.output_tokens), 0), coalesce(sum(a.reasoning_tokens), 0), coalesce(sum(a.cost_nusd), 0),
  sum(a.cost_nusd IS NULL), sum(a.estimated), sum(a.outcome = 'unseen')"""
_ATTEMPTS = """attempt a LEFT JOIN request q ON q.request_id = a.request_id
  WHERE a.started_ns >= ? AND a.started_ns < ?"""
_REQUESTS = "request q WHERE q.started_ns >= ? AND q.started_ns < ?"
_ALWAYS_NS = (0, 2**63 - 1)


@dataclass(frozen=True, slots=True)
class SpendRow:
    """One group. Tokens and cost are of all its attempts, the thrown-away ones too.

    by: the group's value for each dimension, "" where it has none. requests: each counted once, where it was
    answered; None when grouped by `kind`, which a request has not. cost_nusd: of the attempts whose cost is
    known; unknown_cost: how many are not. estimated: attempts whose tokens were counted here. unseen: settled
    at their reservation.
    """

    by: dict[str, str]
    requests: int | None
    attempts: int = 0
    input_tokens: int = 0
    cached_input_tokens: int = 0
    output_tokens: int = 0
    reasoning_tokens: int = 0
    cost_nusd: int = 0
    unknown_cost: int = 0
    estimated: int = 0
    unseen: int = 0


def spend(
    path: Path, *, by: Sequence[str] = (), since_ns: int | None = None, until_ns: int | None = None
) -> list[SpendRow]:
    """Sums over what started from `since_ns` to just before `until_ns` (Unix time), the dearest group first.

    by: any of `DIMENSIONS`; hours and days are UTC. Attempts under way are not in it. Reads while a gateway
    writes. Raises LedgerError where there is no ledger or a dimension is unknown.
    """
    unknown = [name for name in by if name not in _DIMENSIONS and not name.startswith("tag.")]
    if unknown:
        raise LedgerError(f"cannot group by {unknown[0]!r}: allowed are {', '.join(DIMENSIONS)}")
    period = (
        _ALWAYS_NS[0] if since_ns is None else since_ns,
        _ALWAYS_NS[1] if until_ns is None else until_ns,
    )
    with closing(connect_reader(path)) as connection:
        try:
            connection.execute("BEGIN")  # both sums see the same moment
            attempts = _grouped(connection, by, period, side=0)
            requests = {} if "kind" in by else _grouped(connection, by, period, side=1)
        except sqlite3.Error as error:
            raise LedgerError(f"{path}: {error}") from error
    rows = [
        SpendRow(
            dict(zip(by, group, strict=True)),
            None if "kind" in by else requests.get(group, (0,))[0],
            *attempts.get(group, ()),
        )
        for group in attempts.keys() | requests.keys()
    ]
    return sorted(rows, key=lambda row: (-row.cost_nusd, -row.attempts, *row.by.values()))


def recent(path: Path, n: int) -> list[dict[str, Any]]:
    """The last `n` requests, newest first, each with its settled attempts in order under `tried`.

    Raises LedgerError where there is no ledger.
    """
    with closing(connect_reader(path)) as connection:
        try:
            connection.execute("BEGIN")
            newest = connection.execute("SELECT * FROM request ORDER BY row DESC LIMIT ?", (n,)).fetchall()
            return [{**dict(row), "tried": _tried(connection, row["request_id"])} for row in newest]
        except sqlite3.Error as error:
            raise LedgerError(f"{path}: {error}") from error


def _tried(connection: sqlite3.Connection, request_id: str) -> list[dict[str, Any]]:
    rows = connection.execute("SELECT * FROM attempt WHERE request_id = ? ORDER BY seq", (request_id,))
    return [dict(row) for row in rows]


def _grouped(
    connection: sqlite3.Connection, by: Sequence[str], period: tuple[int, int], *, side: int
) -> dict[tuple[str, ...], tuple[int, ...]]:
    """Group to figures, of attempts (side 0) or of requests (side 1); no group where there is nothing."""
    columns = [_TAG if name.startswith("tag.") else _DIMENSIONS[name][side] for name in by]
    tags = [name.removeprefix("tag.") for name in by if name.startswith("tag.")]
    figures, source = ("count(*)", _REQUESTS) if side else (_ATTEMPT_FIGURES, _ATTEMPTS)
    wanted = ", ".join([*(f"coalesce(CAST({column} AS TEXT), '')" for column in columns), figures])
    grouping = f"GROUP BY {', '.join(str(place + 1) for place in range(len(by)))}" if by else "GROUP BY NULL"
    query = f"SELECT {wanted} FROM {source} {grouping}"  # noqa: S608 - from our own tables of names
    rows = connection.execute(query, (*tags, *period)).fetchall()
    return {tuple(row[: len(by)]): tuple(row[len(by) :]) for row in rows}
