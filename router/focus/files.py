"""The files of the export: CSV, Parquet, and the metadata that FOCUS asks for beside them."""

import csv
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import orjson

from router.focus.columns import COLUMNS, VERSION, Column

_SCALES = {"ListUnitPrice": 18, "ListCost": 24, "ConsumedQuantity": 0, "PricingQuantity": 6}
_COST_SCALE = 9
_PRECISION = 38
_ROWS_AT_A_TIME = 50_000


def write(rows: Sequence[Mapping[str, Any]], folder: Path, month: str) -> list[Path]:
    """The three files, each whole or not there. Raises OSError, and ImportError naming the extra for Parquet."""
    folder.mkdir(parents=True, exist_ok=True)
    name = f"focus-{VERSION}-{month}"
    written = []
    for suffix, make in ((".csv", _csv), (".parquet", _parquet), (".metadata.json", _metadata)):
        place = folder / f"{name}{suffix}"
        partial = place.with_name(f"{place.name}.partial")
        make(rows, partial)
        partial.replace(place)
        written.append(place)
    return written


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


def _csv(rows: Iterable[Mapping[str, Any]], place: Path) -> None:
    with place.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow([column.name for column in COLUMNS])
        writer.writerows([text(row.get(column.name)) for column in COLUMNS] for row in rows)


def _parquet(rows: Sequence[Mapping[str, Any]], place: Path) -> None:
    try:
        import pyarrow as pa
        import pyarrow.parquet as pq
    except ImportError as error:
        raise ImportError("Parquet needs pyarrow: pip install 'tiergate[export]'") from error
    schema = pa.schema([pa.field(c.name, _type(pa, c), nullable=c.nullable) for c in COLUMNS])
    with pq.ParquetWriter(place, schema) as writer:
        for start in range(0, max(1, len(rows)), _ROWS_AT_A_TIME):
            some = rows[start : start + _ROWS_AT_A_TIME]
            arrays = [pa.array([row.get(field.name) for row in some], field.type) for field in schema]
            writer.write_table(pa.Table.from_arrays(arrays, schema=schema))


def _type(pa: Any, column: Column) -> Any:
    if column.kind == "decimal":
        return pa.decimal128(_PRECISION, _SCALES.get(column.name, _COST_SCALE))
    return pa.timestamp("ms", tz="UTC") if column.kind == "time" else pa.string()


def _metadata(_: Sequence[Mapping[str, Any]], place: Path) -> None:
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
    place.write_bytes(orjson.dumps(told, option=orjson.OPT_INDENT_2) + b"\n")
