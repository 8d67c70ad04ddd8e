"""The files of the export: CSV, Parquet, and the metadata that FOCUS asks for beside them."""

import csv
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from itertools import islice
from pathlib import Path
from typing import Any

import orjson

from router.focus.columns import COLUMNS, VERSION, Column
from router.money import NUSD_PER_USD

_SCALES = {"ListUnitPrice": 18, "ListCost": 24, "ConsumedQuantity": 0, "PricingQuantity": 6}
_COST_SCALE = 9
_PRECISION = 38
_ROWS_AT_A_TIME = 20_000


@dataclass(frozen=True, slots=True)
class Written:
    """The files, how many rows each of CSV and Parquet has, and the sum of their `BilledCost` in nano-dollars."""

    files: tuple[Path, ...]
    rows: int
    billed_nusd: int


def write(rows: Iterable[Mapping[str, Any]], folder: Path, month: str) -> Written:
    """The three files, in one pass over the rows; each whole or not there.

    Raises OSError, and ImportError naming the extra where Parquet cannot be written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    places = [folder / f"focus-{VERSION}-{month}{suffix}" for suffix in (".csv", ".parquet", ".metadata.json")]
    partial = [place.with_name(f"{place.name}.partial") for place in places]
    count = billed_nusd = 0
    with _parquet(partial[1]) as add_to_parquet, partial[0].open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow([column.name for column in COLUMNS])
        for some in _batches(rows):
            writer.writerows([text(row.get(column.name)) for column in COLUMNS] for row in some)
            add_to_parquet(some)
            count += len(some)
            billed_nusd += sum(round(row["BilledCost"] * NUSD_PER_USD) for row in some)
    partial[2].write_bytes(_metadata())
    for made, place in zip(partial, places, strict=True):
        made.replace(place)
    return Written(tuple(places), count, billed_nusd)


def text(value: Any) -> str:
    """A value as FOCUS writes it: null is empty, decimals without exponent, times in UTC to the second."""
    if value is None:
        return ""
    if isinstance(value, Decimal):
        plain = format(value, "f")
        return plain.rstrip("0").rstrip(".") if "." in plain else plain
    if isinstance(value, datetime):
        return value.strftime("%Y-%m-%dT%H:%M:%SZ")
    return str(value)


def _batches(rows: Iterable[Mapping[str, Any]]) -> Iterator[list[Mapping[str, Any]]]:
    """The rows in lists of some thousands, one empty list where there are none."""
    source = iter(rows)
    some = list(islice(source, _ROWS_AT_A_TIME))
    yield some
    while some := list(islice(source, _ROWS_AT_A_TIME)):
        yield some


@contextmanager
def _parquet(place: Path) -> Iterator[Callable[[Sequence[Mapping[str, Any]]], None]]:
    try:
        import pyarrow as pa
        import pyarrow.parquet as pq
    except ImportError as error:
        raise ImportError("Parquet needs pyarrow: pip install 'tiergate[export]'") from error
    schema = pa.schema([pa.field(c.name, _type(pa, c), nullable=c.nullable) for c in COLUMNS])

    def add(rows: Sequence[Mapping[str, Any]]) -> None:
        arrays = [pa.array([row.get(field.name) for row in rows], field.type) for field in schema]
        writer.write_table(pa.Table.from_arrays(arrays, schema=schema))

    with pq.ParquetWriter(place, schema) as writer:
        yield add


def _type(pa: Any, column: Column) -> Any:
    if column.kind == "decimal":
        return pa.decimal128(_PRECISION, _SCALES.get(column.name, _COST_SCALE))
    return pa.timestamp("ms", tz="UTC") if column.kind == "time" else pa.string()


def _metadata() -> bytes:
    types = {"text": "STRING", "decimal": "DECIMAL", "time": "DATETIME", "json": "STRING"}
    columns = [
        {
            "ColumnName": column.name,
            "DataType": types[column.kind],
            **(
                {"NumberScale": _SCALES.get(column.name, _COST_SCALE), "NumberPrecision": _PRECISION}
                if column.kind == "decimal"
                else {}
            ),
        }
        for column in COLUMNS
    ]
    told = {
        "DataGenerator": {"DataGenerator": "Tiergate"},
        "Schema": {
            "SchemaId": f"tiergate-focus-{VERSION}",
            "FocusVersion": VERSION,
            "CreationDate": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
            "ColumnDefinition": columns,
        },
    }
    return orjson.dumps(told, option=orjson.OPT_INDENT_2) + b"\n"
