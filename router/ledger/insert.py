"""Ledger rows into their tables."""

import logging
import sqlite3
from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, fields
from operator import attrgetter
from typing import Any

import orjson

from router.ledger.fresh import rolled_up
from router.ledger.sqlite import transaction
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
            written = sum(_insert_kind(connection, kind, rows) for kind in _STATEMENTS)
    except _ROW_ERRORS:
        return _one_by_one(connection, rows)
    return Inserted(written, len(rows) - written, 0)


def _one_by_one(connection: sqlite3.Connection, rows: Sequence[Row]) -> Inserted:
    written = refused = 0
    with transaction(connection), _rolled_up(connection, rows):
        for row in rows:
            try:
                written += _insert_kind(connection, type(row), [row])
            except _ROW_ERRORS as error:
                refused += 1
                _log.error("the ledger refused a row: %s: %r", error, row)
    return Inserted(written, len(rows) - written - refused, refused)


def _rolled_up(connection: sqlite3.Connection, rows: Sequence[Row]) -> AbstractContextManager[None]:
    return rolled_up(connection, {row.attempt_id for row in rows if type(row) is Correction})


def _insert_kind(connection: sqlite3.Connection, kind: type[Row], rows: Iterable[Row]) -> int:
    statement, values = _STATEMENTS[kind]
    mine = [values(row) for row in rows if type(row) is kind]
    return connection.executemany(statement, mine).rowcount if mine else 0


def _statement(table: str, kind: type[Row]) -> tuple[str, Callable[[Any], tuple[Any, ...]]]:
    names = [field.name for field in fields(kind)]
    columns = ", ".join("outcome" if name == "end" else name for name in names)
    marks = ", ".join("?" * len(names))
    return f"INSERT INTO {table} ({columns}) VALUES ({marks})", attrgetter(*names)


def _request_values(row: RequestRow) -> tuple[Any, ...]:
    return tuple(
        orjson.dumps(value, default=dict).decode() if name in ("tags", "facts", "saved") else value
        for name, value in zip(_REQUEST_NAMES, _REQUEST_VALUES(row), strict=True)
    )


_REQUEST_NAMES = [field.name for field in fields(RequestRow)]
_REQUEST_STATEMENT, _REQUEST_VALUES = _statement("request", RequestRow)
_STATEMENTS: dict[type[Any], tuple[str, Callable[[Any], tuple[Any, ...]]]] = {
    Reservation: _statement("reservation", Reservation),
    Settlement: _statement("settlement", Settlement),
    Correction: _statement("correction", Correction),
    RequestRow: (_REQUEST_STATEMENT, _request_values),
}
