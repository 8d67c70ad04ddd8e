"""The rows of a Parquet, CSV or JSON lines file. Parquet needs the extra `train`; the other two need nothing."""

import csv
import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

from classifier.errors import DataError

Row = Mapping[str, Any]
F = TypeVar("F")


def read_rows(path: Path) -> tuple[Row, ...]:
    """The rows of a file, by its suffix; at least one. Raises DataError naming the file, and the line where it can."""
    reader = _by_suffix(path, _READERS)
    try:
        rows = reader(path)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"{path}: cannot be read: {error}") from error
    if not rows:
        raise DataError(f"{path}: has no rows")
    return tuple(rows)


def row_writer(path: Path) -> Callable[[Sequence[Row]], None]:
    """What writes rows into `path`, by its suffix. Raises DataError now for the suffix, then for the file."""
    writer = _by_suffix(path, _WRITERS)

    def write(rows: Sequence[Row]) -> None:
        try:
            writer(path, rows)
        except OSError as error:
            raise DataError(f"{path}: cannot be written: {error}") from error

    return write


def _by_suffix(path: Path, known: Mapping[str, F]) -> F:
    found = known.get(path.suffix.lower())
    if found is None:
        raise DataError(f"{path}: found {path.suffix or 'no suffix'!r}, allowed {', '.join(known)}")
    return found


def _parquet(path: Path) -> Any:
    """The packages that read and write Parquet."""
    try:
        import pyarrow as pa
        import pyarrow.parquet
    except ImportError as error:
        raise DataError(f"{path}: Parquet needs pyarrow: pip install 'tiergate[train]', or take CSV") from error
    return pa


def _read_parquet(path: Path) -> list[dict[str, Any]]:
    arrow = _parquet(path)
    try:
        rows: list[dict[str, Any]] = arrow.parquet.read_table(path).to_pylist()
    except arrow.ArrowException as error:
        raise DataError(f"{path}: not a Parquet file: {error}") from error
    return rows


def _read_csv(path: Path) -> list[dict[str, Any]]:
    with path.open(encoding="utf-8-sig", newline="") as lines:
        return list(csv.DictReader(lines))


def _read_json_lines(path: Path) -> list[dict[str, Any]]:
    lines = path.read_text(encoding="utf-8").split("\n")
    return [_json_object(path, number, line) for number, line in enumerate(lines, 1) if line.strip()]


def _json_object(path: Path, number: int, line: str) -> dict[str, Any]:
    try:
        row = json.loads(line)
    except ValueError as error:
        raise DataError(f"{path}: line {number}: not JSON: {error}") from error
    if not isinstance(row, dict):
        raise DataError(f"{path}: line {number}: found {type(row).__name__}, allowed an object")
    return row


def _write_parquet(path: Path, rows: Sequence[Row]) -> None:
    arrow = _parquet(path)
    arrow.parquet.write_table(arrow.Table.from_pylist(list(rows)), path)


def _write_csv(path: Path, rows: Sequence[Row]) -> None:
    names = list(dict.fromkeys(name for row in rows for name in row))
    with path.open("w", encoding="utf-8", newline="") as lines:
        writer = csv.DictWriter(lines, names)
        writer.writeheader()
        writer.writerows(rows)


def _write_json_lines(path: Path, rows: Sequence[Row]) -> None:
    with path.open("w", encoding="utf-8") as lines:
        lines.writelines(json.dumps(row, ensure_ascii=False, default=str) + "\n" for row in rows)


_READERS = {
    ".parquet": _read_parquet,
    ".csv": _read_csv,
    ".jsonl": _read_json_lines,
    ".ndjson": _read_json_lines,
}
_WRITERS = {
    ".parquet": _write_parquet,
    ".csv": _write_csv,
    ".jsonl": _write_json_lines,
    ".ndjson": _write_json_lines,
}
