"""`tiergate reconcile`: does the ledger agree with those who counted themselves?"""

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from router.cli.check import ConfigOption, read
from router.cli.console import as_json, fail, note, say, table
from router.cli.period import duration_ns
from router.money import usd
from router.reconcile.bill import against_bill, read_bill
from router.reconcile.engines import against_engines, uncounted
from router.reconcile.gap import Gap, parsed_tolerance
from router.services import ledger_path


def reconcile(
    config: ConfigOption = None,
    since: Annotated[str, typer.Option(help="How far back: 90m, 24h, 7d, 4w.")] = "24h",
    tolerance: Annotated[str, typer.Option(help="Gap that passes, as a share: 0.001 or 0.1%.")] = "0.1%",
    bill: Annotated[Path | None, typer.Option(help="A provider's bill as CSV, instead of the engines.")] = None,
    json: Annotated[bool, typer.Option("--json", help="For machines.")] = False,
) -> int:
    """The ledger against the engines' own token counters, or a provider's bill; exit 1 where they differ."""
    described = read(config)
    place, share = ledger_path(described), parsed_tolerance(tolerance)
    if bill is not None:
        gaps, silent = against_bill(place, described, read_bill(bill)), []
    else:
        until_ns = time.time_ns()
        since_ns = until_ns - duration_ns("--since", since)
        gaps = against_engines(place, since_ns=since_ns, until_ns=until_ns)
        silent = uncounted(place, since_ns=since_ns, until_ns=until_ns)
    if json:
        as_json({"gaps": [_data(gap, share) for gap in gaps], "not_counted": silent, "tolerance": share})
    else:
        _draw(gaps, share)
    if silent and not json:
        note(f"not compared, because their engines show no token counters: {', '.join(silent)}")
    if not gaps:
        fail(f"nothing to compare in the last {since}: no gateway has read an engine's counters", code=1)
    return int(not all(gap.within(share) for gap in gaps))


def _draw(gaps: Sequence[Gap], share: float) -> None:
    headings = ("where", "figure", "ledger", "theirs", "difference", "unexplained", "")
    rows = [
        (gap.where, f"{gap.figure} {'USD' if gap.unit == 'nUSD' else gap.unit}", *_figures(gap),
         "ok" if gap.within(share) else "DIFFERS")
        for gap in gaps
    ]  # fmt: skip
    table(headings, rows, numbers=("ledger", "theirs", "difference", "unexplained"))
    told = dict.fromkeys(
        f"{gap.where}: {cause.name}: {cause.told}" for gap in gaps if gap.difference for cause in gap.causes
    )
    if told:
        say()
    for line in told:
        say(line)


def _figures(gap: Gap) -> tuple[str, ...]:
    figures = (gap.ledger, gap.theirs, gap.difference, gap.unexplained)
    return tuple(usd(figure) if gap.unit == "nUSD" else str(figure) for figure in figures)


def _data(gap: Gap, share: float) -> dict[str, Any]:
    return {
        "where": gap.where, "figure": gap.figure, "unit": gap.unit, "ledger": gap.ledger, "theirs": gap.theirs,
        "difference": gap.difference, "unexplained": gap.unexplained, "ok": gap.within(share),
        "causes": [{"name": c.name, "told": c.told, "explained": c.explained} for c in gap.causes],
    }  # fmt: skip
