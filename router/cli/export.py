"""`tiergate export`: the ledger for other tools."""

from pathlib import Path
from typing import Annotated

import typer

from router.cli.check import ConfigOption, read
from router.cli.console import fail, note, say
from router.focus.charges import Issuer, charges
from router.focus.files import write
from router.focus.groups import grouped
from router.money import usd
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
    try:
        written = write(charges(month, found, prices, Issuer(account, described)), out, month)
    except ImportError as error:
        fail(str(error))
    say(f"{written.rows} rows, {usd(written.billed_nusd)} USD")
    for file in written.files:
        say(str(file))
    if found.unpriced:
        note(f"{found.unpriced} attempts have an unknown cost and are not in it: set the tier's price")
