"""Rows handed to a gateway's ledger at a steady rate, from an event loop that has other work to do."""

import asyncio
import time
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

from benchmarks.ledger.traffic import Traffic
from router.ledger import Ledger, RequestRow, Reservation
from router.ledger.types import Row

_TURN_S = 0.01


@dataclass(frozen=True, slots=True)
class Sustained:
    """rows_per_s: written, of `offered_per_s`. lag_s: of the oldest row, each 10 ms. late_s: a turn of the loop."""

    offered_per_s: int
    busy: float
    rows_per_s: float
    cores: float
    put_us: float
    lag_s: list[float]
    late_s: list[float]


def sustained(path: Path, seconds: float, *, per_s: int = 10_000, busy: float = 0.0) -> Sustained:
    """busy: share of each turn that the loop computes, as a gateway's does that answers requests."""
    rows = made(round(per_s * seconds))
    for old in path.parent.glob(f"{path.name}*"):
        old.unlink()
    ledger = Ledger.open(path)
    try:
        return asyncio.run(_hand_over(ledger, rows, per_s, busy))
    finally:
        ledger.close(timeout_s=60)


def made(count: int) -> list[Row]:
    traffic = Traffic(count // 3, days=1, until_s=int(time.time()))
    return list(chain.from_iterable(traffic.rows()))


async def _hand_over(ledger: Ledger, rows: list[Row], per_s: int, busy: float) -> Sustained:
    put_s, lags, late = 0.0, [], []
    begin, cpu = time.perf_counter(), time.process_time()
    done = 0
    while done < len(rows):
        turn = time.perf_counter()
        due = min(len(rows), int((turn - begin) * per_s))
        for row in rows[done:due]:
            hand_over(ledger, row)
        put_s += time.perf_counter() - turn
        done = due
        lags.append(ledger.lag_s())
        while time.perf_counter() - turn < busy * _TURN_S:
            sum(range(200))
        wanted = turn + _TURN_S
        await asyncio.sleep(max(0.0, wanted - time.perf_counter()))
        late.append(max(0.0, time.perf_counter() - wanted))
    await ledger.flush()
    wall = time.perf_counter() - begin
    cores = (time.process_time() - cpu) / wall
    return Sustained(per_s, busy, len(rows) / wall, cores, 1e6 * put_s / len(rows), lags, late)


def hand_over(ledger: Ledger, row: Row) -> None:
    if type(row) is Reservation:
        ledger.reserve(row)
    elif type(row) is RequestRow:
        ledger.record(row)
    else:
        ledger.settle(row)
