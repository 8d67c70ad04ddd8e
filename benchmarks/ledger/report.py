"""docs/benchmarks/ledger.md: how fast a ledger is written and read."""

from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

from benchmarks.toy.versions import versions

if TYPE_CHECKING:
    from benchmarks.ledger.__main__ import Measured

_HEAD = """# The ledger's speed

```
python -m benchmarks.ledger --requests {requests}
```

{versions}

{requests:,} requests of 20 teams with 200 keys over 30 days, with drafts, fallbacks, cache hits, errors and two tags
each: {rows:,} rows in {size:,.0f} MB, rollups included. Traffic is made by `benchmarks/ledger/traffic.py`, and rows are
written by the gateway's own insert in groups of 500.

## Writing

| | |
|---|---|
| rows a second of one core, rollups included | {per_cpu:,.0f} |
| rows a second of the clock, on one thread | {per_s:,.0f} |
| through a gateway's ledger at {offered:,} rows/s offered: written | {written:,.0f} rows/s |
| the event loop's time for handing a row over | {put:.1f} µs |
| age of the oldest unwritten row, p50 / p99 / highest | {lag50:.0f} / {lag99:.0f} / {lag100:.0f} ms |
| a turn of the event loop late by, p50 / p99 | {late50:.1f} / {late99:.1f} ms |
| cores used by both, the making of rows excluded | {cores:.2f} |

## Reading

Milliseconds of the query with its connection, not of the Python process around it.

| query | median | lowest | highest |
|---|---|---|---|
"""


def write(out: Path, measured: "Measured") -> None:
    steady = measured.sustained
    text = _HEAD.format(
        requests=measured.requests, versions=versions(), rows=measured.rows, size=measured.bytes / 1e6,
        per_cpu=measured.rows_per_cpu_s, per_s=measured.rows_per_s, offered=steady.offered_per_s,
        written=steady.rows_per_s, put=steady.put_us, cores=steady.cores, lag50=_ms(steady.lag_s, 0.5),
        lag99=_ms(steady.lag_s, 0.99), lag100=_ms(steady.lag_s, 1), late50=_ms(steady.late_s, 0.5),
        late99=_ms(steady.late_s, 0.99),
    )  # fmt: skip
    for name, taken in {**measured.spend_ms, **measured.pages_ms}.items():
        text += f"| {name} | {median(taken):.1f} | {min(taken):.1f} | {max(taken):.1f} |\n"
    out.write_text(text)
    print(text)


def _ms(seconds: list[float], share: float) -> float:
    return 1000 * sorted(seconds)[min(len(seconds) - 1, int(share * len(seconds)))]
