"""What the gateway adds to a request: `python -m benchmarks.gateway` writes docs/benchmarks/gateway.md.

Everything is on: API keys, rules, classifier, a cache look-up that misses, ledger, metrics, access log. The upstream
is canned and in a process of its own; the same client asks it directly and through the gateway, in turn.
"""

import argparse
import asyncio
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import Self

import orjson

from benchmarks.toy.versions import versions
from tests.sdk.process import run, serve

ROOT = Path(__file__).parents[2]
CONFIG = """
version: 1
server: {{auth: keys}}
tiers:
  short: {{engine: openai, model: canned, replicas: [{{url: "{url}/v1"}}], price: {{input: 1, output: 2}}}}
  long: {{engine: openai, model: canned, replicas: [{{url: "{url}/v1"}}], price: {{input: 2, output: 4}}}}
models: {{auto: {{policy: default}}}}
policies:
  default:
    rules: [{{name: code, when: {{has_code: true, prompt_tokens: ">2000"}}, use: [long]}}]
    cache: {{exact: true}}
"""


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--requests", type=int, default=3000)
    arguments.add_argument("--rounds", type=int, default=5)
    arguments.add_argument("--out", type=Path, default=ROOT / "docs" / "benchmarks" / "gateway.md")
    chosen = arguments.parse_args()
    with _upstream() as upstream, tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "bench.yaml").write_text(CONFIG.format(url=upstream))
        made = run("keys", "create", "--team", "bench", "--config", "bench.yaml", folder=folder)
        with serve(folder, ["--config", "bench.yaml"]) as served:
            key = made.stdout.split()[0]
            rounds = [
                (asyncio.run(_ask(upstream, key, chosen.requests)), asyncio.run(_ask(served.url, key, chosen.requests)))
                for _ in range(chosen.rounds)
            ]
            busy = [asyncio.run(_throughput(served.url, key, chosen.requests * 2)) for _ in range(chosen.rounds)]
    _write(chosen, rounds, busy)


@contextmanager
def _upstream():
    command = [sys.executable, "-m", "benchmarks.gateway.upstream"]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=ROOT)
    try:
        yield f"http://127.0.0.1:{int(process.stdout.readline())}"
    finally:
        process.communicate()


class Client:
    """One keep-alive connection; a request out, its answer in, nothing else."""

    def __init__(self, url: str, key: str) -> None:
        host, _, port = url.removeprefix("http://").partition(":")
        self._host, self._port, self._key = host, int(port), key

    async def __aenter__(self) -> Self:
        self._reader, self._writer = await asyncio.open_connection(self._host, self._port)
        return self

    async def __aexit__(self, *_: object) -> None:
        self._writer.close()
        await self._writer.wait_closed()

    async def ask(self, number: int) -> float:
        """Seconds from sending to the last byte. Raises RuntimeError unless it was answered with 200."""
        text = f"Question {number}: what is the capital of the country that was named last in the list above?"
        body = orjson.dumps({"model": "auto", "messages": [{"role": "user", "content": text}]})
        head = (
            f"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {self._key}\r\n"
            f"content-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n"
        )
        began = time.perf_counter()
        self._writer.write(head.encode() + body)
        answer = (await self._reader.readuntil(b"\r\n\r\n")).lower()
        await self._reader.readexactly(int(answer.split(b"content-length:", 1)[1].split(b"\r\n", 1)[0]))
        took = time.perf_counter() - began
        if not answer.startswith(b"http/1.1 200"):
            raise RuntimeError(answer.decode("latin-1"))
        return took


async def _ask(url: str, key: str, requests: int) -> list[float]:
    async with Client(url, key) as client:
        for number in range(200):
            await client.ask(-number - time.time_ns())
        return sorted([await client.ask(time.time_ns()) for _ in range(requests)])


async def _throughput(url: str, key: str, requests: int, connections: int = 16) -> float:
    """Requests a second over so many connections at once."""

    async def one() -> None:
        async with Client(url, key) as client:
            for _ in range(requests // connections):
                await client.ask(time.time_ns())

    began = time.perf_counter()
    await asyncio.gather(*(one() for _ in range(connections)))
    return requests / (time.perf_counter() - began)


def _write(chosen: argparse.Namespace, rounds: list, busy: list[float]) -> None:
    p50 = [1000 * (median(through) - median(direct)) for direct, through in rounds]
    p99 = [1000 * (_p99(through) - _p99(direct)) for direct, through in rounds]
    text = f"""# What the gateway adds

```
python -m benchmarks.gateway --requests {chosen.requests} --rounds {chosen.rounds}
```

{versions()}

Keys, rules, classifier, cache look-up (miss), ledger, metrics and access log are on; the upstream is canned. The load
generator is Python and shares the machine, so throughput is a lower bound.

| measure | median of {chosen.rounds} rounds | lowest | highest |
|---|---|---|---|
| added latency, one connection, p50 | {median(p50):.3f} ms | {min(p50):.3f} | {max(p50):.3f} |
| added latency, one connection, p99 | {median(p99):.3f} ms | {min(p99):.3f} | {max(p99):.3f} |
| requests/s, 16 connections, one process | {median(busy):.0f} | {min(busy):.0f} | {max(busy):.0f} |
"""
    chosen.out.write_text(text)
    print(text)


def _p99(ordered: list[float]) -> float:
    return ordered[int(0.99 * (len(ordered) - 1))]


if __name__ == "__main__":
    main()
