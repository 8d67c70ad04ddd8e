"""`tiergate ledger`: does it add up, and what is old in it."""

import time
from contextlib import closing
from pathlib import Path
from typing import Annotated

import typer

from router.cli.check import ConfigOption, read
from router.cli.console import fail, say
from router.ledger.archive import archive as move
from router.ledger.archive import archived_before_ns
from router.ledger.sqlite import connect_reader
from router.ledger.verify import differences
from router.services import ledger_path

app = typer.Typer(no_args_is_help=True)

_DAY_NS = 86_400 * 1_000_000_000
_SHOWN = 20


@app.command("verify")
def verify(config: ConfigOption = None) -> int:
    """Sum every row again and compare with the rollups; exit 1 where they differ."""
    with closing(connect_reader(ledger_path(read(config)))) as connection:
        connection.execute("BEGIN")
        since_ns = -(-archived_before_ns(connection) // _DAY_NS) * _DAY_NS
        found = differences(connection, since_ns=since_ns)
        attempts, requests = (
            connection.execute(f"SELECT count(*) FROM {table} WHERE started_ns >= ?", (since_ns,)).fetchone()[0]  # noqa: S608 - our own names
            for table in ("reservation", "request")
        )
    for each in found[:_SHOWN]:
        say(f"{each.table} {each.span_s} s from {each.start_s}: {dict(each.by)} says too much by {dict(each.excess)}")
    say(f"{requests} requests and {attempts} attempts: {len(found)} sums differ from their rows.")
    return 1 if found else 0


@app.command("archive")
def archive(
    config: ConfigOption = None,
    days: Annotated[int | None, typer.Option(help="Keep so many days; state.ledger_keep_days.", min=2)] = None,
    into: Annotated[Path, typer.Option(help="Folder of the Parquet files.")] = Path("var/ledger-archive"),
) -> None:  # fmt: skip
    """Move old rows into Parquet files; their sums stay. A gateway may run meanwhile."""
    described = read(config)
    keep = days if days is not None else described.state.ledger_keep_days
    if keep is None:
        fail("nothing says how long rows are kept: give --days, or set state.ledger_keep_days.")
    now_ns = time.time_ns()
    done = move(ledger_path(described), into, before_ns=(now_ns // _DAY_NS - keep) * _DAY_NS, now_ns=now_ns)
    say(f"{done.rows['request']} requests and {done.rows['reservation']} attempts moved into {len(done.files)} files.")
    for file in done.files:
        say(str(file))
