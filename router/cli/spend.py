"""`tiergate spend`: read the ledger."""

import csv
import re
import sys
import time
from dataclasses import asdict
from typing import Annotated, Any

import typer

from router.cli.check import ConfigOption, read
from router.cli.console import as_json, fail, say, table
from router.ledger.read import SpendRow
from router.ledger.read import spend as read_spend
from router.money import usd
from router.services import ledger_path

_UNITS_S = {"m": 60, "h": 3600, "d": 86400, "w": 604800}


def spend(
    config: ConfigOption = None,
    by: Annotated[str, typer.Option(help="team, key, user, tier, model, asked, decision, policy, cache, status, "
                                         "kind, hour, day, tag.NAME; several with commas.")] = "tier",
    since: Annotated[str, typer.Option(help="How far back: 90m, 24h, 7d, 4w.")] = "24h",
    form: Annotated[str, typer.Option("--format", help="table, json or csv.")] = "table",
) -> None:  # fmt: skip
    """What was spent, by whom and on what."""
    if form not in ("table", "json", "csv"):
        fail(f"--format: found {form!r}, allowed table, json, csv.")
    place = ledger_path(read(config))
    names = tuple(name.strip() for name in by.split(",") if name.strip())
    rows = read_spend(place, by=names, since_ns=time.time_ns() - _duration_ns(since), until_ns=None)
    _render(names, rows, form, since)


def _render(names: tuple[str, ...], rows: list[SpendRow], form: str, since: str) -> None:
    if form == "json":
        as_json([_plain(row) for row in rows])
    elif form == "csv":
        _csv(rows)
    elif rows:
        _table(names, rows)
    else:
        say(f"Nothing was spent in the last {since}.")


def _plain(row: SpendRow) -> dict[str, Any]:
    return {**asdict(row), "cost_usd": usd(row.cost_nusd)}


def _csv(rows: list[SpendRow]) -> None:
    flat = [{**row.by, **{k: v for k, v in _plain(row).items() if k != "by"}} for row in rows]
    if flat:
        writer = csv.DictWriter(sys.stdout, fieldnames=list(flat[0]))
        writer.writeheader()
        writer.writerows(flat)


def _table(names: tuple[str, ...], rows: list[SpendRow]) -> None:
    figures = ("requests", "attempts", "input", "cached", "output", "cost USD", "unpriced")
    shown = [
        (*(row.by[name] or "-" for name in names), row.requests, row.attempts, row.input_tokens,
         row.cached_input_tokens, row.output_tokens, usd(row.cost_nusd), row.unknown_cost or "")
        for row in rows
    ]  # fmt: skip
    total = ("total", *[""] * (len(names) - 1), "", sum(r.attempts for r in rows), sum(r.input_tokens for r in rows),
             sum(r.cached_input_tokens for r in rows), sum(r.output_tokens for r in rows),
             usd(sum(r.cost_nusd for r in rows)), sum(r.unknown_cost for r in rows) or "")  # fmt: skip
    table((*names, *figures), [*shown, total], numbers=figures)


def _duration_ns(text: str) -> int:
    match = re.fullmatch(r"(\d{1,6})([mhdw])", text)
    if match is None:
        fail(f"--since: found {text!r}, allowed a number and m, h, d or w, such as 24h.")
    return int(match[1]) * _UNITS_S[match[2]] * 1_000_000_000
