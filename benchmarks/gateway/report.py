"""The page and the chart of what was measured."""

import json
import subprocess
from importlib.metadata import version
from pathlib import Path
from statistics import median

from benchmarks.gateway.chart import chart
from benchmarks.gateway.measures import BARE, DIRECT, OURS, Memory, Row, Scaling, Streams
from benchmarks.gateway.subjects import PEERS
from benchmarks.toy.versions import versions

_TEXT = """# What the gateway adds

```
bash benchmarks/gateway/peers.sh
python -m benchmarks.gateway {arguments}
```

{versions}
{peers}

Every gateway runs on one core; the load (wrk) and the canned upstream (nginx; for streams a small Python server) run
on the other. Tiergate has everything on: API keys, classifier, rules, a cache look-up that misses, ledger, metrics,
access log. Prompts never repeat. Each figure is the median of {rounds} rounds, in which the gateways took turns; in
brackets the lowest and the highest.

![Requests a second and latency of each gateway](gateway.svg)

| in front of a canned upstream | p50 ms at 1 connection | p99 ms | requests/s at 16 connections | CPU us a request |
|---|---|---|---|---|
{rows}

| measure | found | wanted |
|---|---|---|
| requests/s against the bare pass-through | {bare:.2f} | 0.40 |
{ratios}| added latency at one connection, p50 | {p50:.3f} ms | 0.5 ms |
| added latency at one connection, p99 | {p99:.3f} ms | 2 ms |
| 200 streams at 50 tokens/s: added delay of a token, p50 | {added50:.2f} ms | |
| the same, p99 | {added99:.2f} ms (bare pass-through: {bare99:.2f}) | 5 ms |
| chunks a second, 64 streams of 500 | {chunks:,.0f} (bare: {bare_chunks:,.0f}; direct: {direct:,.0f}) | 40,000 |
| streams that did not end well | {wrong} | 0 |
| memory after {requests} requests | {memory:.0f} MB | 250 MB |
| growth over them, after half as many to warm up | {growth:+.1f} % | 5 % |
| growth over {left} streams left by the caller | {left_growth:+.1f} % | 5 % |
| two processes on two cores against one | {scaling:.2f} | 1.8 |

"Added latency" is Tiergate's less the direct one, in the same round. For two processes the share of the cores that
the load took ({share:.2f} of 2) is given back; the upstream's is not.
"""


def write(out: Path, arguments: str, *, whole: list[Row], streams: Streams, memory: Memory, scaling: Scaling) -> None:
    rows = {row.name: row for row in whole}
    ours, direct = rows[OURS], rows[DIRECT]
    text = _TEXT.format(
        arguments=arguments, versions=versions(), peers=_peers(rows), rounds=len(ours.busy),
        rows="\n".join(_line(row) for row in whole), bare=ours.per_s() / rows[BARE].per_s(),
        ratios="".join(_ratio(ours, rows, name, least) for name, least in _WANTED.items()),
        p50=ours.p50_ms() - direct.p50_ms(), p99=ours.p99_ms() - direct.p99_ms(),
        added50=_added(streams, OURS, 0), added99=_added(streams, OURS, 1), bare99=_added(streams, BARE, 1),
        chunks=streams.chunks_per_s[OURS], bare_chunks=streams.chunks_per_s[BARE],
        direct=streams.chunks_per_s[DIRECT], wrong=streams.wrong,
        requests=f"{memory.requests:,}", memory=memory.after_requests,
        growth=100 * (memory.after_requests / memory.warm - 1), left=f"{memory.streams:,}",
        left_growth=100 * (memory.after_streams / memory.before_streams - 1), scaling=scaling.factor,
        share=scaling.load_share,
    )  # fmt: skip
    out.write_text(text, encoding="utf-8")
    out.with_suffix(".svg").write_text(chart(whole), encoding="utf-8")
    print(text)


_WANTED = {"Portkey gateway": 3, "LiteLLM proxy, one worker": 50}


def _ratio(ours: Row, rows: dict[str, Row], name: str, least: int) -> str:
    if name not in rows:
        return ""
    return f"| requests/s against {name} | {ours.per_s() / rows[name].per_s():.1f} | {least} |\n"


def _added(streams: Streams, name: str, place: int) -> float:
    """Milliseconds that a token takes longer than directly; place: 0 the median, 1 the 99th percentile."""
    return 1000 * (streams.delays[name][place] - streams.delays[DIRECT][place])


def _line(row: Row) -> str:
    cpu = [load.cpu_us for load in row.busy if load.cpu_us is not None]
    alone50, alone99 = [load.p50_ms for load in row.alone], [load.p99_ms for load in row.alone]
    busy = [load.per_s for load in row.busy]
    spent = f"{median(cpu):.0f}" if cpu else ""
    return f"| {row.name} | {_spread(alone50, 3)} | {_spread(alone99, 2)} | {_spread(busy, 0)} | {spent} |"


def _spread(values: list[float], digits: int) -> str:
    return f"{median(values):,.{digits}f} ({min(values):,.{digits}f}-{max(values):,.{digits}f})"


def _peers(rows: dict[str, Row]) -> str:
    if "Portkey gateway" not in rows:
        return ""
    package = PEERS / "node_modules" / "@portkey-ai" / "gateway" / "package.json"
    portkey = json.loads(package.read_text(encoding="utf-8"))["version"]
    listed = subprocess.run(
        [PEERS / "venv/bin/python", "-m", "pip", "list", "--format=json"], capture_output=True, text=True, check=True
    )
    others = {each["name"]: each["version"] for each in json.loads(listed.stdout)}
    nginx = subprocess.run(["nginx", "-v"], capture_output=True, text=True, check=True).stderr.strip().split("/")[-1]
    return (
        f"Portkey gateway {portkey}, LiteLLM {others['litellm']}, sglang-router {others['sglang-router']}, "
        f"nginx {nginx}, uvloop {version('uvloop')}, httptools {version('httptools')}."
    )
