"""`tiergate export`: the ledger for other tools."""

from pathlib import Path
from typing import Annotated

import typer

from router.cli.check import ConfigOption, read
from router.cli.console import fail, note, say
from router.focus.charges import Issuer, charges
from router.focus.files import write
from router.focus.groups import grouped
from router.money import NUSD_PER_USD, usd
from router.prices import stored
from router.services import ledger_path

app = typer.Typer(no_args_is_help=True)


@app.callback()
def _export() -> None:
    """The ledger for other tools."""


@app.command()
def focus(
    month: Annotated[str, typer.Option(help="The billing period: a year and a month, UTC, such as 2026-11.")],
    out: Annotated[Path, typer.Option(help="Folder for the files; made where it is not there.")],
    config: ConfigOption = None,
    account: Annotated[
        str, typer.Option(help="Name of the billing account, and of the provider of own tiers.")
    ] = "Tiergate",
) -> None:
    """A month as a FOCUS 1.4 Cost and Usage dataset: CSV, Parquet and metadata."""
    described = read(config)
    place = ledger_path(described)
    prices = stored.read(place)
    found = grouped(place, month, prices)
    rows = list(charges(month, found, prices, Issuer(account, described)))
    try:
        written = write(rows, out, month)
    except ImportError as error:
        fail(str(error))
    total = sum(round(row["BilledCost"] * NUSD_PER_USD) for row in rows)
    say(f"{len(rows)} rows, {usd(total)} USD")
    for file in written:
        say(str(file))
    if found.unpriced:
        note(f"{found.unpriced} attempts have an unknown cost and are not in it: set the tier's price")
