"""`tiergate classifier`: a router learned from one's own logs."""

import typer

app = typer.Typer(no_args_is_help=True)
