"""The query behind a sum: rollups for whole spans, rows for the part of an hour at an edge, in one statement."""

import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from router.ledger import rollup
from router.ledger.archive import archived_before_ns
from router.ledger.cubes import DAY_S, HOUR_S, Cube, Source
from router.ledger.periods import Period


@dataclass(frozen=True, slots=True)
class Asked:
    """columns: of the cube's groups, to group by. matching: column to the value it must have. measures: to add up."""

    cube: Cube
    columns: tuple[str, ...]
    matching: Mapping[str, str]
    measures: Sequence[str]
    every: Literal["hour", "day"] | None = None

    @property
    def start(self) -> str:
        """SQL of the row's step in time."""
        match self.every:
            case None:
                return "NULL"
            case "hour":
                return "start_s"
            case "day":
                return f"start_s / {DAY_S} * {DAY_S}"


def grouped(connection: sqlite3.Connection, asked: Asked, period: Period) -> list[Sequence[Any]]:
    """Rows of (the columns' values, start in seconds or None, the measures' sums); none where there is nothing."""
    parts, values = [], list[Any]()
    period = period.widened(archived_before_ns(connection))
    for piece in period.pieces(days=asked.every != "hour"):
        if piece.span_s is not None:
            parts.append(_rolled_up(asked))
            values += [piece.span_s, piece.start, piece.end, *asked.matching.values()]
        else:
            for source in asked.cube.sources:
                parts.append(_from_rows(asked, source))
                values += [piece.start, piece.end, *asked.matching.values()]
    if not parts:
        return []
    chosen = "".join(f"{column}, " for column in asked.columns)
    figures = ", ".join(f"sum({name})" for name in asked.measures)
    places = ", ".join(str(place + 1) for place in range(len(asked.columns) + 1))
    query = f"SELECT {chosen}start_s, {figures} FROM ({' UNION ALL '.join(parts)}) GROUP BY {places}"
    return connection.execute(query, values).fetchall()


def hours(
    connection: sqlite3.Connection, cube: Cube, matching: Mapping[str, str], since_s: int, until_s: int
) -> list[int]:
    """Starts (seconds) of the hours that have a matching request, the newest first."""
    found = connection.execute(
        f"SELECT DISTINCT r.start_s FROM {cube.groups} g CROSS JOIN {cube.name} r ON r.grouped = g.row"
        f" WHERE r.span_s = ? AND r.start_s > ? AND r.start_s <= ? AND r.requests > 0{_matches(matching)}"
        " ORDER BY r.start_s DESC",
        (HOUR_S, since_s - HOUR_S, until_s, *matching.values()),
    )
    return [row[0] for row in found]


def _rolled_up(asked: Asked) -> str:
    """Group after group in the table's own order, so that only one row of each has to be sorted."""
    figures = ", ".join(f"sum(r.{name}) AS {name}" for name in asked.measures)
    inner = (
        f"SELECT g.row AS grouped, {asked.start} AS start_s, {figures}"
        f" FROM {asked.cube.groups} g CROSS JOIN {asked.cube.name} r ON r.span_s = ? AND r.grouped = g.row"
        f" WHERE r.start_s >= ? AND r.start_s < ?{_matches(asked.matching)} GROUP BY g.row"
        + (f", {asked.start}" if asked.every else "")
    )
    names = ", ".join(f"p.{name}" for name in asked.measures)
    return f"SELECT p.start_s{_chosen(asked)}, {names} FROM ({inner}) p JOIN {asked.cube.groups} g ON g.row = p.grouped"


def _from_rows(asked: Asked, source: Source) -> str:
    """Of the rows themselves, with 0 for what the other kind of row would add."""
    between = f"{source.started_ns} >= ? AND {source.started_ns} < ?"
    if source is asked.cube.attempts:
        between += f" AND {rollup.COUNTED}"
    chosen = _chosen(asked)
    figures = ", ".join(f"{name if name in source.measures else 0} AS {name}" for name in asked.measures)
    return (
        f"SELECT {asked.start} AS start_s{chosen}, {figures} FROM ({rollup.select(source, 'all', between)}) g"
        f" WHERE true{_matches(asked.matching)}"
    )


def _chosen(asked: Asked) -> str:
    return "".join(f", g.{column}" for column in asked.columns)


def _matches(matching: Mapping[str, str]) -> str:
    return "".join(f" AND g.{column} = ?" for column in matching)
