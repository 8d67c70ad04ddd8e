"""The rollups' SQL: their tables, and how sums of rows are added to them.

An attempt is in the rollups once it has ended and its request has (whose dimensions it is told under), or once a
recovery has found that its request's end was never written.
"""

from collections.abc import Iterator
from functools import cache
from typing import Literal

from router.ledger.cubes import CUBES, HOUR_S, SPANS_S, Cube, Source

RECOVERED = "(SELECT coalesce(max(reservations_through), 0) FROM recovery)"
COUNTED = f"(a.row <= {RECOVERED} OR q.row IS NOT NULL)"
_SPANS = "(" + " UNION ALL ".join(f"SELECT {span_s} AS span_s" for span_s in SPANS_S) + ") s"
_TABLES = {
    "all": {"attempts": "attempt", "requests": "request"},
    "fresh": {"attempts": "fresh_attempt", "requests": "fresh_request"},
}
Rows = Literal["all", "fresh"]


def tables() -> Iterator[str]:
    """The empty rollups."""
    for groups, cube in {cube.groups: cube for cube in CUBES}.items():
        columns = "".join(f",\n  {name} TEXT NOT NULL" for name in cube.dimensions)
        unique = ", ".join(cube.dimensions)
        yield f"CREATE TABLE {groups} (\n  row INTEGER PRIMARY KEY{columns},\n  UNIQUE ({unique})\n) STRICT"
    for cube in CUBES:
        columns = "".join(f",\n  {name} INTEGER NOT NULL DEFAULT 0" for name in cube.measures)
        key = "span_s INTEGER NOT NULL,\n  grouped INTEGER NOT NULL,\n  start_s INTEGER NOT NULL"
        yield (
            f"CREATE TABLE {cube.name} (\n  {key}{columns},\n  PRIMARY KEY (span_s, grouped, start_s)\n)"
            " STRICT, WITHOUT ROWID"
        )


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


def scratch() -> Iterator[str]:
    """Temporary tables that `add_requests` and `add_attempts` work in."""
    for cube in CUBES:
        for source in cube.sources:
            yield f"CREATE TEMP TABLE {_scratch(cube, source)} AS {select(source, 'all', 'false')}"


def rebuild() -> Iterator[str]:
    """Empties the rollups and fills them from all rows that there are."""
    for cube in CUBES:
        yield f"DELETE FROM {cube.name}"
    yield from add_requests("all")
    yield from add_attempts("all", COUNTED)


def add_requests(rows: Rows) -> Iterator[str]:
    for cube in CUBES:
        if cube.requests is not None:
            yield from _add(cube, cube.requests, select(cube.requests, rows, "true"))


def add_attempts(rows: Rows, where: str = "true", *, sign: int = 1, alone: bool = False) -> Iterator[str]:
    """sign: -1 takes them away. alone: as they stood before their request had a row."""
    for cube in CUBES:
        if cube.attempts is not None:
            yield from _add(cube, cube.attempts, select(cube.attempts, rows, where, alone=alone), sign=sign)


def _scratch(cube: Cube, source: Source) -> str:
    return f"{cube.name}_of_{'requests' if source is cube.requests else 'attempts'}"


def _add(cube: Cube, source: Source, sums: str, *, sign: int = 1) -> Iterator[str]:
    """Each row is looked at once: its sums by hour are kept aside, then added to the hour and to the day."""
    scratch, names, dimensions = _scratch(cube, source), ", ".join(source.measures), ", ".join(source.dimensions)
    signed = ", ".join(f"{sign} * n.{name}" for name in source.measures)
    more = ", ".join(f"{name} = {name} + excluded.{name}" for name in source.measures)
    same = " AND ".join(f"g.{name} = n.{name}" for name in source.dimensions)
    yield f"DELETE FROM {scratch}"
    yield f"INSERT INTO {scratch} {sums}"
    yield (
        f"INSERT INTO {cube.groups} ({dimensions}) SELECT DISTINCT {dimensions} FROM {scratch} WHERE true\n"
        "ON CONFLICT DO NOTHING"
    )
    yield (
        f"INSERT INTO {cube.name} (span_s, grouped, start_s, {names})\n"
        f"SELECT s.span_s, g.row, n.start_s / s.span_s * s.span_s, {signed}\n"
        f"FROM {scratch} n CROSS JOIN {cube.groups} g ON {same} CROSS JOIN {_SPANS} WHERE true\n"
        f"ON CONFLICT (span_s, grouped, start_s) DO UPDATE SET {more}"
    )
