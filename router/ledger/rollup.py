"""The rollups' SQL: tables, and the triggers that keep them equal to the rows in the same transaction.

An attempt is in the rollups once it has ended and its request has (whose dimensions it is told under), or once a
recovery has found that its request's end was never written. Because triggers do it, whatever program writes a row, the
sums are right with it, and right again after a rollback.
"""

from collections.abc import Iterator

from router.ledger.cubes import CUBES, SPANS_S, Cube, Source

_RECOVERED = "(SELECT coalesce(max(reservations_through), 0) FROM recovery)"
_SPANS = "JOIN (" + " UNION ALL ".join(f"SELECT {span_s} AS span_s" for span_s in SPANS_S) + ") s"

COUNTED = f"(a.row <= {_RECOVERED} OR q.row IS NOT NULL)"
_ENDED_REQUEST = "EXISTS (SELECT 1 FROM request WHERE request_id = {id})"
_OPEN_REQUEST = f"NOT {_ENDED_REQUEST.format(id='a.request_id')}"


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


def triggers() -> Iterator[str]:
    """What keeps them up to date. `correction` has its own, because it takes away before it adds."""
    attempt, request = "a.attempt_id = NEW.attempt_id", "q.row = NEW.row"
    settled = f"{_settled_of('NEW.attempt_id')}"
    yield _trigger("request_rolls_up", "request", [*_requests(request), *_attempts("a.request_id = NEW.request_id")])
    yield _trigger(
        "request_found_late",
        "request",
        _attempts(f"a.request_id = NEW.request_id AND a.row <= {_RECOVERED}", sign=-1, alone=True),
        when=f"EXISTS (SELECT 1 FROM reservation WHERE request_id = NEW.request_id AND row <= {_RECOVERED})",
    )
    yield _trigger("settlement_rolls_up", "settlement", _attempts(attempt), when=settled)
    yield _trigger(
        "recovery_rolls_up",
        "recovery",
        _attempts(
            "a.row > (SELECT coalesce(max(reservations_through), 0) FROM recovery WHERE row < NEW.row)"
            f" AND a.row <= NEW.reservations_through AND {_OPEN_REQUEST}"
        ),
    )
    yield _trigger("correction_rolls_up", "correction", _attempts(attempt), when=settled)


def before_correction() -> list[str]:
    """Takes away what the attempt adds as it was; for the body of a trigger before a correction."""
    return _attempts(f"a.attempt_id = NEW.attempt_id AND {_settled_of('NEW.attempt_id')}", sign=-1)


def rebuilt() -> Iterator[str]:
    """Empties the rollups and fills them from all rows that there are."""
    for cube in CUBES:
        yield f"DELETE FROM {cube.name}"
    yield from _requests("true")
    yield from _attempts(COUNTED)


def select(cube: Cube, source: Source, where: str, *, sign: int = 1, spans: str = _SPANS) -> str:
    """One row (span_s, grouped, start_s, measures) for each row of `source`, span and group."""
    same = " AND ".join(f"g.{name} = {sql}" for name, sql in source.dimensions.items())
    signed = "" if sign > 0 else "-"
    measures = ", ".join(f"{signed}({sql}) AS {name}" for name, sql in source.measures.items())
    start = f"{source.started_ns} / 1000000000 / s.span_s * s.span_s"
    return (
        f"SELECT s.span_s, g.row AS grouped, {start} AS start_s, {measures}\n"
        f"FROM {source.rows} JOIN {cube.groups} g ON {same} {spans}\nWHERE {where}"
    )


def _settled_of(attempt_id: str) -> str:
    return (
        f"EXISTS (SELECT 1 FROM reservation r WHERE r.attempt_id = {attempt_id} AND (r.row <= {_RECOVERED}"
        f" OR {_ENDED_REQUEST.format(id='r.request_id')}))"
    )


def _requests(where: str) -> list[str]:
    return [sql for cube in CUBES if cube.requests for sql in _add(cube, cube.requests, where)]


def _attempts(where: str, *, sign: int = 1, alone: bool = False) -> list[str]:
    """alone: as they stood before their request had a row."""
    made = []
    for cube in CUBES:
        if cube.attempts is not None:
            source = _without_request(cube.attempts) if alone else cube.attempts
            made += _add(cube, source, where, sign=sign)
    return made


def _without_request(source: Source) -> Source:
    rows = source.rows.replace("q.request_id = a.request_id", "false")
    return Source(rows, source.started_ns, source.dimensions, source.measures)


def _add(cube: Cube, source: Source, where: str, *, sign: int = 1) -> list[str]:
    dimensions, values = ", ".join(source.dimensions), ", ".join(source.dimensions.values())
    more = ", ".join(f"{name} = {name} + excluded.{name}" for name in source.measures)
    group = (
        f"INSERT INTO {cube.groups} ({dimensions})\nSELECT DISTINCT {values} FROM {source.rows}\nWHERE {where}"
        " ON CONFLICT DO NOTHING"
    )
    figures = (
        f"INSERT INTO {cube.name} (span_s, grouped, start_s, {', '.join(source.measures)})\n"
        f"{select(cube, source, where, sign=sign)}\n"
        f"ON CONFLICT (span_s, grouped, start_s) DO UPDATE SET {more}"
    )
    return [group, figures]


def _trigger(name: str, table: str, body: list[str], *, when: str = "true") -> str:
    return f"CREATE TRIGGER {name} AFTER INSERT ON {table} WHEN {when} BEGIN\n" + ";\n".join(body) + ";\nEND"
