"""Ledger rows into their tables."""

import logging
import sqlite3
from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, fields
from functools import cache
from itertools import chain
from operator import attrgetter
from typing import Any

import orjson

from router.ledger.fresh import rolled_up
from router.ledger.sqlite import savepoint, transaction
from router.ledger.types import Correction, RequestRow, Reservation, Row, Settlement

_log = logging.getLogger(__name__)

# Errors that a row itself causes; anything else is the database's and worth a retry.
_ROW_ERRORS = (
    sqlite3.IntegrityError,
    sqlite3.DataError,
    sqlite3.InterfaceError,
    OverflowError,
    TypeError,
    ValueError,
)


@dataclass(frozen=True, slots=True)
class Inserted:
    """written: rows that are new; repeated: rows that were there already; refused: rows that fit no table."""

    written: int
    repeated: int
    refused: int


def insert(connection: sqlite3.Connection, rows: Sequence[Row]) -> Inserted:
    """Write all rows in one transaction, in order; a row that is there already stays as it was.

    A row that the table refuses is logged whole and left out. Raises sqlite3.Error, with nothing written,
    when the database cannot be written to.
    """
    try:
        with transaction(connection), _rolled_up(connection, rows):
            written = sum(_insert_kind(connection, kind, rows) for kind in _TABLES)
    except _ROW_ERRORS:
        return _one_by_one(connection, rows)
    return Inserted(written, len(rows) - written, 0)


def _one_by_one(connection: sqlite3.Connection, rows: Sequence[Row]) -> Inserted:
    """Each row with its share of the rollups, or without a trace."""
    written = refused = 0
    with transaction(connection):
        for row in rows:
            try:
                with savepoint(connection), _rolled_up(connection, [row]):
                    written += _insert_kind(connection, type(row), [row])
            except _ROW_ERRORS as error:
                refused += 1
                _log.error("the ledger refused a row: %s: %r", error, row)
    return Inserted(written, len(rows) - written - refused, refused)


def _rolled_up(connection: sqlite3.Connection, rows: Sequence[Row]) -> AbstractContextManager[None]:
    return rolled_up(connection, {row.attempt_id for row in rows if type(row) is Correction})


def _insert_kind(connection: sqlite3.Connection, kind: type[Any], rows: Iterable[Row]) -> int:
    values = _VALUES[kind]
    mine = [values(row) for row in rows if type(row) is kind]
    written = place = 0
    for size in _AT_ONCE:
        while len(mine) - place >= size:
            together = mine[place : place + size]
            written += connection.execute(_statement(_TABLES[kind], size), [*chain.from_iterable(together)]).rowcount
            place += size
    return written


@cache
def _statement(table: str, rows: int) -> str:
    (kind,) = (kind for kind, name in _TABLES.items() if name == table)
    names = [field.name for field in fields(kind)]
    columns = ", ".join("outcome" if name == "end" else name for name in names)
    marks = f"({', '.join('?' * len(names))})"
    return f"INSERT INTO {table} ({columns}) VALUES {', '.join([marks] * rows)}"


def _getter(kind: type[Row]) -> Callable[[Any], tuple[Any, ...]]:
    """All fields of a row, in order. Raises OverflowError for a figure that would spoil every sum it is in."""
    every = attrgetter(*(field.name for field in fields(kind)))
    bounded = [place for place, field in enumerate(fields(kind)) if field.name in _BOUNDED]

    def values(row: Any) -> tuple[Any, ...]:
        found: tuple[Any, ...] = every(row)
        for place in bounded:
            figure = found[place]
            if figure is not None and not -_MOST <= figure <= _MOST:
                raise OverflowError(f"{figure} is no number of tokens or nano-dollars that one row can have")
        return found

    return values


def _request_values(row: RequestRow) -> tuple[Any, ...]:
    return tuple(
        orjson.dumps(value, default=dict).decode() if name in _AS_JSON else value
        for name, value in zip(_REQUEST_NAMES, _REQUEST_FIELDS(row), strict=True)
    )


_AS_JSON = {"tags", "facts", "saved"}
_BOUNDED = {"cost_nusd", "input_tokens", "cached_input_tokens", "output_tokens", "reasoning_tokens", "baseline_nusd"}
_MOST = 10**15  # a million USD
_AT_ONCE = (256, 64, 16, 4, 1)  # rows in one statement, during which other threads run
_REQUEST_NAMES = [field.name for field in fields(RequestRow)]
_REQUEST_FIELDS = _getter(RequestRow)
_TABLES: dict[type[Any], str] = {
    Reservation: "reservation",
    Settlement: "settlement",
    Correction: "correction",
    RequestRow: "request",
}
_VALUES: dict[type[Any], Callable[[Any], tuple[Any, ...]]] = {
    Reservation: _getter(Reservation),
    Settlement: _getter(Settlement),
    Correction: _getter(Correction),
    RequestRow: _request_values,
}
