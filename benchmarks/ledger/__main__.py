"""A ledger of a million requests: `python -m benchmarks.ledger` writes docs/benchmarks/ledger.md.

Rows are made by traffic.py and written with the gateway's own insert, in groups as its writer makes them under load.
"""

import argparse
import tempfile
import time
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from statistics import median

from benchmarks.ledger.queries import Query, pages, spend
from benchmarks.ledger.report import write
from benchmarks.ledger.sustained import Sustained, sustained
from benchmarks.ledger.traffic import Traffic
from router.ledger.checkpoint import catch_up
from router.ledger.insert import insert
from router.ledger.schema import prepare
from router.ledger.sqlite import connect_writer
from router.ledger.types import Row

ROOT = Path(__file__).parents[2]
_GROUP = 500  # rows: what 50 ms bring at 10,000 rows/s
_UNTIL_S = 1_795_392_000  # the end of the traffic, the same in every run


@dataclass(frozen=True, slots=True)
class Measured:
    """rows: all that were written. per_s: by seconds of one core, and of the clock. ms: query to its rounds."""

    requests: int
    rows: int
    bytes: int
    rows_per_cpu_s: float
    rows_per_s: float
    spend_ms: dict[str, list[float]]
    pages_ms: dict[str, list[float]]
    sustained: Sustained


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--requests", type=int, default=1_000_000)
    arguments.add_argument("--rounds", type=int, default=7)
    arguments.add_argument("--seconds", type=float, default=20, help="of sustained writing through a gateway's ledger")
    arguments.add_argument("--keep", type=Path, help="make the ledger here, where nothing is, and leave it")
    arguments.add_argument("--out", type=Path, default=ROOT / "docs" / "benchmarks" / "ledger.md")
    chosen = arguments.parse_args()
    with tempfile.TemporaryDirectory() as name:
        path = chosen.keep or Path(name) / "ledger.db"
        rows, cpu_s, wall_s = made(path, chosen.requests)
        measured = Measured(
            chosen.requests, rows, path.stat().st_size, rows / cpu_s, rows / wall_s,
            timed(spend(path, _UNTIL_S * 10**9), chosen.rounds), timed(pages(path, _UNTIL_S * 10**9), chosen.rounds),
            sustained(Path(name) / "sustained.db", chosen.seconds),
        )  # fmt: skip
    write(chosen.out, measured)


def made(path: Path, requests: int) -> tuple[int, float, float]:
    """A ledger at `path`: rows, seconds of one core and seconds of the clock that writing them took."""
    cpu_s = wall_s = 0.0
    rows = 0
    with closing(connect_writer(path)) as connection:
        prepare(connection, now_ns=0)
        for group in _groups(requests):
            cpu, wall = time.process_time(), time.perf_counter()
            insert(connection, group)
            cpu_s, wall_s = cpu_s + time.process_time() - cpu, wall_s + time.perf_counter() - wall
            rows += len(group)
        catch_up(partial(connect_writer, path))
    return rows, cpu_s, wall_s


def _groups(requests: int):
    group: list[Row] = []
    for rows in Traffic(requests, until_s=_UNTIL_S).rows():
        group += rows
        if len(group) >= _GROUP:
            yield group
            group = []
    yield group


def timed(queries: dict[str, Query], rounds: int) -> dict[str, list[float]]:
    """Milliseconds of each round of each query, after one that is not counted."""
    taken = {}
    for name, ask in queries.items():
        ask()
        taken[name] = [_ms(ask) for _ in range(rounds)]
        print(f"{median(taken[name]):8.1f} ms  {name}")
    return taken


def _ms(ask: Query) -> float:
    start = time.perf_counter()
    ask()
    return 1000 * (time.perf_counter() - start)


if __name__ == "__main__":
    main()
