"""Whether the rollups are what the rows add up to."""

import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass

from router.ledger import rollup
from router.ledger.cubes import CUBES, SPANS_S, Cube, Source


@dataclass(frozen=True, slots=True)
class Difference:
    """A group of one rollup whose figures are not what its rows add up to. by: the group's columns.

    start_s: of its hour or day, as `span_s` says. excess: measure to how much more than the rows it says.
    """

    table: str
    span_s: int
    start_s: int
    by: Mapping[str, str]
    excess: Mapping[str, int]


def differences(connection: sqlite3.Connection, *, since_ns: int = 0) -> list[Difference]:
    """All of them, from `since_ns` (Unix time, the beginning of a day) on; empty where the ledger adds up."""
    return [found for cube in CUBES for span_s in SPANS_S for found in _of_cube(connection, cube, span_s, since_ns)]


def _of_cube(connection: sqlite3.Connection, cube: Cube, span_s: int, since_ns: int) -> list[Difference]:
    columns = ", ".join(cube.dimensions)
    figures = ", ".join(f"r.{name}" for name in cube.measures)
    rolled_up = (
        f"SELECT r.start_s, {columns}, {figures} FROM {cube.name} r JOIN {cube.groups} g ON g.row = r.grouped"
        f" WHERE r.span_s = {span_s} AND r.start_s >= {since_ns // 1_000_000_000}"
    )
    parts = [rolled_up, *(_less_rows(cube, source, span_s, since_ns) for source in cube.sources)]
    totals = ", ".join(f"sum({name}) AS {name}" for name in cube.measures)
    places = ", ".join(str(place + 1) for place in range(1 + len(cube.dimensions)))
    wrong = " OR ".join(f"{name} <> 0" for name in cube.measures)
    query = (
        f"SELECT * FROM (SELECT start_s, {columns}, {totals} FROM ({' UNION ALL '.join(parts)}) GROUP BY {places})"
        f" WHERE {wrong} ORDER BY {places}"
    )
    return [_difference(cube, span_s, row) for row in connection.execute(query)]


def _less_rows(cube: Cube, source: Source, span_s: int, since_ns: int) -> str:
    where = f"{source.started_ns} >= {since_ns}"
    if source is cube.attempts:
        where += f" AND {rollup.COUNTED}"
    figures = ", ".join(f"-{name}" if name in source.measures else "0" for name in cube.measures)
    columns = ", ".join(cube.dimensions)
    rows = rollup.select(source, "all", where)
    return f"SELECT start_s / {span_s} * {span_s}, {columns}, {figures} FROM ({rows})"


def _difference(cube: Cube, span_s: int, row: tuple[object, ...]) -> Difference:
    start_s, by, figures = row[0], row[1 : 1 + len(cube.dimensions)], row[1 + len(cube.dimensions) :]
    excess = {name: int(str(figure)) for name, figure in zip(cube.measures, figures, strict=True) if figure}
    told = {name: str(value) for name, value in zip(cube.dimensions, by, strict=True)}
    return Difference(cube.name, span_s, int(str(start_s)), told, excess)
