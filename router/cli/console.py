"""Output for people: aligned, short, coloured only on a terminal; and one line for what is wrong."""

import sys
from collections.abc import Iterable, Sequence
from typing import Any, NoReturn

import orjson
from rich.console import Console
from rich.table import Table
from rich.text import Text


def say(text: str = "") -> None:
    Console(highlight=False, soft_wrap=True).print(text, markup=False)


def table(headings: Sequence[str], rows: Iterable[Sequence[object]], *, numbers: Sequence[str] = ()) -> None:
    """Columns named in `numbers` are set to the right."""
    drawn = Table(box=None, pad_edge=False, header_style="bold")
    for heading in headings:
        drawn.add_column(
            heading,
            justify="right" if heading in numbers else "left",
            overflow="fold",
            no_wrap=heading in numbers,
        )
    for row in rows:
        drawn.add_row(*(Text("" if cell is None else str(cell)) for cell in row))
    Console(highlight=False, width=None if sys.stdout.isatty() else 200).print(drawn)


def as_json(data: Any) -> None:
    sys.stdout.buffer.write(orjson.dumps(data, option=orjson.OPT_INDENT_2, default=str) + b"\n")
    sys.stdout.buffer.flush()


def note(message: str) -> None:
    """One line beside the output, for what a person should know."""
    print(f"tiergate: {message}", file=sys.stderr)  # noqa: T201 - as in fail


def fail(message: str, *, code: int = 2) -> NoReturn:
    """One line that says what is wrong and what to do."""
    print(f"tiergate: {message}", file=sys.stderr)  # noqa: T201 - the one place
    sys.exit(code)
