"""The rollups' SQL: their tables, and how what is new in the rows is added to them.

An attempt is in the rollups once it has ended and its request has (whose dimensions it is told under), or once a
recovery has found that its request's end was never written.
"""

import sqlite3
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from typing import Literal

from router.ledger.cubes import CUBES, HOUR_S, SPANS_S, Cube, Source

_RECOVERED = "(SELECT coalesce(max(reservations_through), 0) FROM recovery)"
COUNTED = f"(a.row <= {_RECOVERED} OR q.row IS NOT NULL)"
_SPANS = "(" + " UNION ALL ".join(f"SELECT {span_s} AS span_s" for span_s in SPANS_S) + ") s"

_TABLES = {
    "all": {"attempts": "attempt", "requests": "request"},
    "fresh": {"attempts": "temp.fresh_attempt", "requests": "temp.fresh_request"},
}
Rows = Literal["all", "fresh"]

_BECAME_COUNTED = f"""
INSERT INTO temp.fresh_attempt SELECT * FROM attempt WHERE row IN (
  SELECT a.row FROM settlement n JOIN reservation a ON a.attempt_id = n.attempt_id
    LEFT JOIN request q ON q.request_id = a.request_id WHERE n.row > :settlement AND {COUNTED}
  UNION SELECT a.row FROM reservation a JOIN settlement n ON n.attempt_id = a.attempt_id
    JOIN request q ON q.request_id = a.request_id WHERE a.row > :reservation
  UNION SELECT a.row FROM request q JOIN reservation a ON a.request_id = q.request_id WHERE q.row > :request
  UNION SELECT a.row FROM reservation a LEFT JOIN request q ON q.request_id = a.request_id
    WHERE a.row > :recovered AND a.row <= {_RECOVERED} AND q.row IS NULL
  UNION SELECT a.row FROM temp.corrected n JOIN reservation a ON a.attempt_id = n.attempt_id
    LEFT JOIN request q ON q.request_id = a.request_id WHERE {COUNTED}
)"""
_TO_BE_CORRECTED = f"""
INSERT INTO temp.fresh_attempt SELECT a.* FROM temp.corrected n JOIN attempt a ON a.attempt_id = n.attempt_id
  LEFT JOIN request q ON q.request_id = a.request_id WHERE {COUNTED}"""
_FOUND_LATE = f"""
INSERT INTO temp.fresh_attempt SELECT a.* FROM request q JOIN attempt a ON a.request_id = q.request_id
  WHERE q.row > :request AND a.row <= {_RECOVERED} AND a.attempt_id NOT IN (SELECT attempt_id FROM temp.corrected)"""
_MARKS = f"""
SELECT (SELECT coalesce(max(row), 0) FROM reservation), (SELECT coalesce(max(row), 0) FROM settlement),
  (SELECT coalesce(max(row), 0) FROM request), {_RECOVERED}"""


def tables() -> Iterator[str]:
    """The empty rollups."""
    for groups, cube in {cube.groups: cube for cube in CUBES}.items():
        columns = "".join(f",\n  {name} TEXT NOT NULL" for name in cube.dimensions)
        unique = ", ".join(cube.dimensions)
        yield f"CREATE TABLE {groups} (\n  row INTEGER PRIMARY KEY{columns},\n  UNIQUE ({unique})\n) STRICT"
    for cube in CUBES:
        columns = "".join(f",\n  {name} INTEGER NOT NULL DEFAULT 0" for name in cube.measures)
        key = "span_s INTEGER NOT NULL,\n  start_s INTEGER NOT NULL,\n  grouped INTEGER NOT NULL"
        yield (
            f"CREATE TABLE {cube.name} (\n  {key}{columns},\n  PRIMARY KEY (span_s, start_s, grouped)\n)"
            " STRICT, WITHOUT ROWID"
        )


@contextmanager
def rolled_up(connection: sqlite3.Connection, corrected: Collection[str] = ()) -> Iterator[None]:
    """Adds to the rollups whatever rows the block writes; use it inside the transaction of the block.

    corrected: attempts that the block may write corrections of; what they add now is taken away first.
    """
    _prepare(connection)
    connection.execute("DELETE FROM temp.corrected")
    if corrected:
        connection.executemany("INSERT INTO temp.corrected VALUES (?) ON CONFLICT DO NOTHING", zip(corrected))
        _fill(connection, _TO_BE_CORRECTED, {})
        _add_attempts(connection, "fresh", sign=-1)
    names = ("reservation", "settlement", "request", "recovered")
    marks = dict(zip(names, connection.execute(_MARKS).fetchone(), strict=True))
    yield
    if _fill(connection, _FOUND_LATE, marks):
        _add_attempts(connection, "fresh", sign=-1, alone=True)
    if _fill(connection, _BECAME_COUNTED, marks):
        _add_attempts(connection, "fresh")
    connection.execute("DELETE FROM temp.fresh_request")
    if connection.execute("INSERT INTO temp.fresh_request SELECT * FROM request WHERE row > :request", marks).rowcount:
        _add_requests(connection, "fresh")


def rebuild(connection: sqlite3.Connection) -> None:
    """Empties the rollups and fills them from all rows that there are; use it inside a transaction."""
    _prepare(connection)
    for cube in CUBES:
        connection.execute(f"DELETE FROM {cube.name}")
    _add_requests(connection, "all")
    _add_attempts(connection, "all", COUNTED)


@cache
def select(source: Source, rows: Rows, where: str, *, alone: bool = False) -> str:
    """Sums of `source` by hour (start_s) and dimensions; alone: of attempts as if their request had no row."""
    start = f"{source.started_ns} / 1000000000 / {HOUR_S} * {HOUR_S}"
    dimensions = ", ".join(f"{sql} AS {name}" for name, sql in source.dimensions.items())
    measures = ", ".join(f"sum({sql}) AS {name}" for name, sql in source.measures.items())
    places = ", ".join(str(place + 1) for place in range(1 + len(source.dimensions)))
    tables = source.rows.format(**_TABLES[rows])
    if alone:
        tables = tables.replace("q.request_id = a.request_id", "false")
    return f"SELECT {start} AS start_s, {dimensions}, {measures}\nFROM {tables} WHERE {where} GROUP BY {places}"


def _prepare(connection: sqlite3.Connection) -> None:
    """What a transaction has brought stands in tables of the connection's own, made once."""
    if connection.execute("SELECT 1 FROM temp.sqlite_master WHERE name = 'corrected'").fetchone():
        return
    connection.execute("CREATE TEMP TABLE fresh_attempt AS SELECT * FROM attempt WHERE false")
    connection.execute("CREATE TEMP TABLE fresh_request AS SELECT * FROM request WHERE false")
    for cube in CUBES:
        for source in cube.sources:
            connection.execute(f"CREATE TEMP TABLE {_scratch(cube, source)} AS {select(source, 'all', 'false')}")
    connection.execute("CREATE TEMP TABLE corrected (attempt_id TEXT PRIMARY KEY) WITHOUT ROWID")


def _scratch(cube: Cube, source: Source) -> str:
    return f"{cube.name}_of_{'requests' if source is cube.requests else 'attempts'}"


def _fill(connection: sqlite3.Connection, statement: str, marks: Mapping[str, int]) -> int:
    connection.execute("DELETE FROM temp.fresh_attempt")
    return connection.execute(statement, marks).rowcount


def _add_requests(connection: sqlite3.Connection, rows: Rows) -> None:
    for cube in CUBES:
        if cube.requests is not None:
            _add(connection, cube, cube.requests, select(cube.requests, rows, "true"))


def _add_attempts(
    connection: sqlite3.Connection, rows: Rows, where: str = "true", *, sign: int = 1, alone: bool = False
) -> None:
    """alone: as they stood before their request had a row."""
    for cube in CUBES:
        if cube.attempts is not None:
            _add(connection, cube, cube.attempts, select(cube.attempts, rows, where, alone=alone), sign=sign)


def _add(connection: sqlite3.Connection, cube: Cube, source: Source, sums: str, *, sign: int = 1) -> None:
    for statement in _steps(cube, source, sums, sign):
        connection.execute(statement)


@cache
def _steps(cube: Cube, source: Source, sums: str, sign: int) -> tuple[str, ...]:
    scratch, names, dimensions = _scratch(cube, source), ", ".join(source.measures), ", ".join(source.dimensions)
    signed = ", ".join(f"{sign} * n.{name}" for name in source.measures)
    more = ", ".join(f"{name} = {name} + excluded.{name}" for name in source.measures)
    same = " AND ".join(f"g.{name} = n.{name}" for name in source.dimensions)
    sums_of_new = f"INSERT INTO temp.{scratch} {sums}"
    groups = (
        f"INSERT INTO {cube.groups} ({dimensions}) SELECT DISTINCT {dimensions} FROM temp.{scratch} WHERE true\n"
        "ON CONFLICT DO NOTHING"
    )
    added = (
        f"INSERT INTO {cube.name} (span_s, start_s, grouped, {names})\n"
        f"SELECT s.span_s, n.start_s / s.span_s * s.span_s, g.row, {signed}\n"
        f"FROM temp.{scratch} n CROSS JOIN {cube.groups} g ON {same} CROSS JOIN {_SPANS} WHERE true\n"
        f"ON CONFLICT (span_s, start_s, grouped) DO UPDATE SET {more}"
    )
    return f"DELETE FROM temp.{scratch}", sums_of_new, groups, added
