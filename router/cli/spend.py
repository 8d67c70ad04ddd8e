"""`tiergate spend`: read the ledger."""

import csv
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Annotated, Any

import typer

from router.cli.check import ConfigOption, read
from router.cli.console import as_json, fail, say, table
from router.cli.period import duration_ns
from router.ledger.sums import Sums, sums, total
from router.money import usd
from router.services import ledger_path

_HOUR_NS = 3_600_000_000_000
_TIMES = {"hour": "%Y-%m-%dT%H:00Z", "day": "%Y-%m-%d"}
_OF_REQUESTS = ("requests", "errors")


def spend(
    config: ConfigOption = None,
    by: Annotated[str, typer.Option(help="team, key, user, tier, model, asked, decision, policy, cache, status, path, "
                                         "replica, kind, end, hour, day, tag.NAME; several with commas.")] = "tier",
    since: Annotated[str, typer.Option(help="How far back: 90m, 24h, 7d, 4w.")] = "24h",
    form: Annotated[str, typer.Option("--format", help="table, json or csv.")] = "table",
) -> None:  # fmt: skip
    """What was spent, by whom and on what."""
    if form not in ("table", "json", "csv"):
        fail(f"--format: found {form!r}, allowed table, json, csv.")
    place = ledger_path(read(config))
    names = tuple(name.strip() for name in by.split(",") if name.strip())
    every = _every(names)
    rows = sums(place, [name for name in names if name != every], since_ns=_since_ns(since), every=every)
    _render(names, rows, form, since)


def _every(names: Sequence[str]) -> Any:
    steps = [name for name in names if name in _TIMES]
    if len(steps) > 1:
        fail("--by: found hour and day, allowed one of them.")
    return steps[0] if steps else None


def _render(names: tuple[str, ...], rows: list[Sums], form: str, since: str) -> None:
    if form == "json":
        as_json([{"by": _by(names, row), **_figures(row)} for row in rows])
    elif form == "csv":
        _csv([{**_by(names, row), **_figures(row)} for row in rows])
    elif rows:
        _table(names, rows)
    else:
        say(f"Nothing was spent in the last {since}.")


def _by(names: tuple[str, ...], row: Sums) -> dict[str, str]:
    return {name: _time(row, name) if name in _TIMES else row.by[name] for name in names}


def _time(row: Sums, step: str) -> str:
    return datetime.fromtimestamp((row.start_ns or 0) / 1e9, UTC).strftime(_TIMES[step])


def _figures(row: Sums) -> dict[str, Any]:
    """Of requests None where the grouping is one that they have not."""
    of_requests = {name: None if row.requests is None else getattr(row.requests, name) for name in _OF_REQUESTS}
    return {**of_requests, **asdict(row.attempts), "cost_usd": usd(row.attempts.cost_nusd)}


def _csv(rows: list[dict[str, Any]]) -> None:
    if rows:
        writer = csv.DictWriter(sys.stdout, fieldnames=list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)


def _table(names: tuple[str, ...], rows: list[Sums]) -> None:
    figures = ("requests", "attempts", "input", "cached", "output", "cost USD", "unpriced")
    shown = [(*(value or "-" for value in _by(names, row).values()), *_cells(row)) for row in rows]
    if len(rows) > 1:
        shown.append(("total", *[""] * (len(names) - 1), *_cells(total(rows))))
    table((*names, *figures), shown, numbers=figures)


def _cells(row: Sums) -> tuple[object, ...]:
    attempts = row.attempts
    return (
        None if row.requests is None else row.requests.requests, attempts.attempts, attempts.input_tokens,
        attempts.cached_input_tokens, attempts.output_tokens, usd(attempts.cost_nusd), attempts.unknown_cost or "",
    )  # fmt: skip


def _since_ns(text: str) -> int:
    """Hours and more go back to the beginning of an hour, so that whole hours are read; minutes are exact."""
    since_ns = time.time_ns() - duration_ns("--since", text)
    return since_ns if text.endswith("m") else since_ns // _HOUR_NS * _HOUR_NS
