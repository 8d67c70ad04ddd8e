"""Rows of the ledger as they were written: requests, newest first, each with what was tried for it."""

import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import orjson

from router.ledger.cubes import HOUR_S, MAIN
from router.ledger.dimensions import cube_for, matching
from router.ledger.pieces import hours
from router.ledger.sqlite import LedgerError, connect_reader

T = TypeVar("T")
_NS = 1_000_000_000
_FIRST = (2**63 - 1, 2**63 - 1)
_PARSED = ("tags", "facts", "saved")


@dataclass(frozen=True, slots=True)
class Page:
    """rows: columns of `request`, with `tags`, `facts` and `saved` as mappings. older: what asks for the next page."""

    rows: list[dict[str, Any]]
    older: str | None


def requests(
    path: Path,
    *,
    limit: int = 50,
    before: str | None = None,
    since_ns: int = 0,
    until_ns: int = 2**62,
    where: Mapping[str, str] | None = None,
) -> Page:
    """Requests that started in a period and match, newest first; `before` is the `older` of the page before.

    where: dimensions of a request (team, key, user, tier, model, asked, decision, policy, cache, status, path), or
    tag.NAME with team and tier. Blocks: call it off the event loop. Raises LedgerError where there is no
    ledger, or `where` or `before` cannot be.
    """
    started_ns, row = _cursor(before)
    asked = _Wanted(dict(where or {}), since_ns, min(until_ns, started_ns + 1), (started_ns, row))
    found = _with_connection(path, lambda connection: list(asked.newest(connection, limit + 1)))
    page = [_parsed(each) for each in found[:limit]]
    older = f"{page[-1]['started_ns']}.{page[-1]['row']}" if len(found) > limit else None
    return Page(page, older)


def request(path: Path, request_id: str) -> dict[str, Any] | None:
    """One request with its settled attempts in order under `tried`; None where there is none of that id.

    Raises LedgerError where there is no ledger.
    """

    def one(connection: sqlite3.Connection) -> dict[str, Any] | None:
        found = connection.execute("SELECT * FROM request WHERE request_id = ?", (request_id,)).fetchone()
        return None if found is None else {**_parsed(found), "tried": _tried(connection, request_id)}

    return _with_connection(path, one)


def recent(path: Path, n: int) -> list[dict[str, Any]]:
    """The last `n` requests that ended, newest first, each as `request` tells it.

    Raises LedgerError where there is no ledger.
    """

    def last(connection: sqlite3.Connection) -> list[dict[str, Any]]:
        newest = connection.execute("SELECT * FROM request ORDER BY row DESC LIMIT ?", (n,)).fetchall()
        return [{**_parsed(row), "tried": _tried(connection, row["request_id"])} for row in newest]

    return _with_connection(path, last)


@dataclass(frozen=True, slots=True)
class _Wanted:
    where: Mapping[str, str]
    since_ns: int
    until_ns: int
    before: tuple[int, int]

    def newest(self, connection: sqlite3.Connection, limit: int) -> Iterator[sqlite3.Row]:
        """Where there is a filter the rollups say which hours have such a request; no other hour is looked through."""
        if not self.where:
            yield from self._between(connection, self.since_ns, self.until_ns, limit)
            return
        cube = cube_for(self.where, (MAIN,))
        for start_s in hours(connection, cube, matching(self.where), self.since_ns // _NS, self.until_ns // _NS):
            first_ns, last_ns = max(self.since_ns, start_s * _NS), min(self.until_ns, (start_s + HOUR_S) * _NS)
            for row in self._between(connection, first_ns, last_ns, limit):
                yield row
                limit -= 1
            if limit <= 0:
                return

    def _between(self, connection: sqlite3.Connection, since_ns: int, until_ns: int, limit: int) -> Sequence[Any]:
        tests, values = _tests(self.where)
        end = min((until_ns, 0), self.before)
        return connection.execute(
            f"SELECT * FROM request WHERE started_ns >= ? AND (started_ns, row) < (?, ?){tests}"
            " ORDER BY started_ns DESC, row DESC LIMIT ?",
            (since_ns, *end, *values, limit),
        ).fetchall()


def _tests(where: Mapping[str, str]) -> tuple[str, list[str]]:
    tests, values = "", list[str]()
    for column, value in matching(where).items():
        if column == "name":
            tests += " AND EXISTS (SELECT 1 FROM json_each(tags) WHERE key = ? AND CAST(value AS TEXT) = ?)"
            values += [value, matching(where)["value"]]
        elif column != "value":
            tests += f" AND CAST({column} AS TEXT) = ?"
            values.append(value)
    return tests, values


def _cursor(before: str | None) -> tuple[int, int]:
    if before is None:
        return _FIRST
    started_ns, _, row = before.partition(".")
    if not (started_ns.isdecimal() and row.isdecimal()):
        raise LedgerError(f"no page begins at {before!r}: take the `older` of a page")
    return int(started_ns), int(row)


def _with_connection(path: Path, read: Callable[[sqlite3.Connection], T]) -> T:
    with closing(connect_reader(path)) as connection:
        try:
            connection.execute("BEGIN")
            return read(connection)
        except sqlite3.Error as error:
            raise LedgerError(f"{path}: {error}") from error


def _tried(connection: sqlite3.Connection, request_id: str) -> list[dict[str, Any]]:
    rows = connection.execute("SELECT * FROM attempt WHERE request_id = ? ORDER BY seq", (request_id,))
    return [dict(row) for row in rows]


def _parsed(row: sqlite3.Row) -> dict[str, Any]:
    return {**dict(row), **{name: orjson.loads(row[name]) for name in _PARSED}}
