"""`tiergate models`: the GGUF models that an embedded tier can use."""

from pathlib import Path
from typing import Annotated

import typer

from router.cli.console import as_json, fail, say, table
from tiers.bundled import PREFIX, listed, pull
from tiers.errors import TierError

app = typer.Typer(no_args_is_help=True)


@app.command("list")
def every(json: Annotated[bool, typer.Option("--json", help="For machines.")] = False) -> None:
    """The models that come with Tiergate; write the name under `model:` of a llama.cpp tier."""
    headings = ("name", "parameters", "context", "bytes", "what")
    rows = [(PREFIX + m.name, f"{m.parameters:,}", m.context, f"{m.bytes:,}", m.kind) for m in listed()]
    if json:
        as_json([dict(zip(headings, row, strict=True)) for row in rows])
    else:
        table(headings, rows, numbers=("parameters", "context", "bytes"))


@app.command("pull")
def fetch(
    repository: Annotated[str, typer.Argument(help="Repository on the hub, such as bartowski/Llama-3.2-1B-GGUF.")],
    filename: Annotated[str, typer.Argument(help="The GGUF file in it.")],
    into: Annotated[Path, typer.Option(help="Folder to put it in.")] = Path("models"),
) -> None:
    """Fetch a GGUF model where there is a network; its path then goes under `model:`."""
    try:
        path = pull(repository, filename, into)
    except TierError as error:
        fail(error.message, code=1)
    say(f"{path}")
