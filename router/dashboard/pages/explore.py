"""Explore: any two dimensions, any measure, down to the requests."""

from typing import Any

from router.dashboard.ask import Ask, Page
from router.dashboard.dataset import Column, Dataset, over_time
from router.dashboard.figures import Unit
from router.dashboard.measures import MEASURES, Measure
from router.dashboard.state import DAY_S, DIMENSIONS
from router.errors import bad_request
from router.ledger.sums import Sums, total

_MOST_COLUMNS = 8
_MOST_ROWS = 200
_SHADES = 5
_OTHERS = "\0"  # the column of all values without one of their own


def _dimension(ask: Ask, name: str, default: str) -> str:
    chosen = ask.state.extra.get(name, default)
    if chosen and chosen not in DIMENSIONS and not chosen.startswith("tag."):
        raise bad_request(f"Invalid '{name}': found '{chosen[:40]}', allowed: {', '.join(DIMENSIONS)}, tag.NAME.")
    return chosen


def _by(ask: Ask) -> tuple[str, ...]:
    first, then = _dimension(ask, "by", "team"), _dimension(ask, "then", "")
    return (first, then) if then and then != first else (first,)


def _measure(ask: Ask) -> tuple[str, Measure]:
    chosen = ask.state.extra.get("measure", "cost")
    if chosen not in MEASURES:
        raise bad_request(f"Invalid 'measure': found '{chosen[:40]}', allowed: {', '.join(MEASURES)}.")
    return chosen, MEASURES[chosen]


def groups(ask: Ask) -> Dataset:
    """Every group with every measure."""
    by = _by(ask)
    rows = ask.books.sums(ask.state.period, by, ask.filters)
    columns = (
        *(Column(name, DIMENSIONS.get(name, name)) for name in by),
        *(Column(name, measure.label, measure.unit) for name, measure in MEASURES.items()),
    )
    made = tuple((*row.by.values(), *(measure.of(row) for measure in MEASURES.values())) for row in rows)
    return Dataset("groups", " by ".join(DIMENSIONS.get(name, name) for name in by), columns, made)


def measured(ask: Ask) -> Dataset:
    _, measure = _measure(ask)
    lines = ask.books.lines(ask.state.period, _by(ask)[:1], ask.filters)
    drawn = [(group[0] or "none", [measure.of(row) for row in rows]) for group, rows in lines.groups.items()]
    unit: Unit = "day" if lines.step == DAY_S else "hour"
    return over_time("over_time", f"{measure.label} over time", measure.unit, lines.times, drawn, step=unit)


def context(ask: Ask) -> dict[str, Any]:
    by, (name, measure) = _by(ask), _measure(ask)
    rows = ask.books.sums(ask.state.period, by, ask.filters)
    matrix = _matrix(rows, by, measure) if len(by) == 2 else None
    return {
        "by": by, "measure_name": name, "measure": measure, "measures": MEASURES, "matrix": matrix,
        "whole": measure.of(total(rows)), "tags": _tag_choice(ask), "dimension_names": DIMENSIONS,
    }  # fmt: skip


def _tag_choice(ask: Ask) -> list[str]:
    """Tags that the address names; their names are not listed anywhere."""
    named = [ask.state.extra.get("by", ""), ask.state.extra.get("then", ""), *ask.filters]
    return sorted({name for name in named if name.startswith("tag.")} | {"tag.workload"})


def _matrix(rows: list[Sums], by: tuple[str, ...], measure: Measure) -> dict[str, Any]:
    """Down: the first dimension; across: the second's largest values, and the others together."""
    across = _largest(rows, by[1], measure)[:_MOST_COLUMNS]
    cells: dict[tuple[str, str], list[Sums]] = {}
    for row in rows:
        column = row.by[by[1]] if row.by[by[1]] in across else _OTHERS
        cells.setdefault((row.by[by[0]], column), []).append(row)
    columns = [*across, _OTHERS] if any(column == _OTHERS for _, column in cells) else across
    values = {place: measure.of(total(found)) for place, found in cells.items()}
    most = max((value for value in values.values() if value), default=0)

    def line(name: str) -> tuple[str, list[tuple[float | None, int]], float | None]:
        whole = total(row for (first, _), found in cells.items() if first == name for row in found)
        return name, [_cell(values.get((name, column)), most) for column in columns], measure.of(whole)

    return {
        "columns": columns,
        "rows": [line(name) for name in _largest(rows, by[0], measure)[:_MOST_ROWS]],
        "totals": [
            measure.of(total(row for (_, second), found in cells.items() if second == column for row in found))
            for column in columns
        ],
    }


def _largest(rows: list[Sums], name: str, measure: Measure) -> list[str]:
    found: dict[str, list[Sums]] = {}
    for row in rows:
        found.setdefault(row.by[name], []).append(row)
    return sorted(found, key=lambda value: (-(measure.of(total(found[value])) or 0), value))


def _cell(value: float | None, most: float) -> tuple[float | None, int]:
    """The value and how dark its cell is, 0 to 5."""
    if not value or value < 0 or not most:
        return value, 0
    return value, max(1, round(_SHADES * (value / most) ** 0.5))


PAGE = Page(
    "explore", "Explore", "compass", "Any two dimensions and any measure; every cell leads to its requests.",
    {"over_time": measured, "groups": groups}, context,
)  # fmt: skip
