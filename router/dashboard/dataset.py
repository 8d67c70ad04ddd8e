"""A dataset: one table of figures, which is drawn, listed, sent as JSON and downloaded as CSV from the same rows."""

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from router.dashboard.figures import NUMBERS, Unit

_FORMULA = ("=", "+", "-", "@", "\t", "\r")


@dataclass(frozen=True, slots=True)
class Column:
    """key: its name in JSON and CSV. unit: how its values are shown; in JSON and CSV they are plain."""

    key: str
    label: str
    unit: Unit = "text"

    @property
    def number(self) -> bool:
        return self.unit in NUMBERS


@dataclass(frozen=True, slots=True)
class Dataset:
    """rows: one value a column, None where unknown. note: what a reader must know to read it right."""

    name: str
    title: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[Any, ...], ...]
    note: str = ""

    def __bool__(self) -> bool:
        return bool(self.rows)

    def column(self, key: str) -> list[Any]:
        place = [column.key for column in self.columns].index(key)
        return [row[place] for row in self.rows]

    def plain(self) -> dict[str, Any]:
        """For the JSON API: columns with their units, rows as mappings."""
        keys = [column.key for column in self.columns]
        return {
            "name": self.name,
            "title": self.title,
            "note": self.note,
            "columns": [{"key": c.key, "label": c.label, "unit": c.unit} for c in self.columns],
            "rows": [dict(zip(keys, row, strict=True)) for row in self.rows],
        }

    def drawn(self) -> dict[str, Any]:
        """For the chart: one list a column."""
        return {
            "columns": [{"key": c.key, "label": c.label, "unit": c.unit} for c in self.columns],
            "data": [list(values) for values in zip(*self.rows, strict=True)] if self.rows else [],
        }

    def csv(self) -> str:
        """With a heading line; text that a spreadsheet would run as a formula is quoted with an apostrophe."""
        out = io.StringIO()
        writer = csv.writer(out, lineterminator="\r\n")
        writer.writerow([column.key for column in self.columns])
        writer.writerows([_cell(value) for value in row] for row in self.rows)
        return out.getvalue()


def _cell(value: Any) -> Any:
    if isinstance(value, str) and value.startswith(_FORMULA):
        return f"'{value}"
    if isinstance(value, float):
        return f"{value:.9f}".rstrip("0").rstrip(".")
    return "" if value is None else value


def over_time(
    name: str, title: str, unit: Unit, times: Sequence[float], lines: Sequence[tuple[str, Sequence[Any]]],
    *, step: Unit = "hour", note: str = "",
) -> Dataset:  # fmt: skip
    """A dataset whose first column is time; each line is (label, one value a time)."""
    columns = (Column("time", "Time", step), *(Column(label, label, unit) for label, _ in lines))
    rows = tuple(zip(times, *(values for _, values in lines), strict=True))
    return Dataset(name, title, columns, rows, note)
