"""A real gateway under load on an upstream that counts what it served, to be killed, filled up and locked out."""

import asyncio
import os
import random
import re
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import aiohttp
import orjson
from aiohttp import web

ROOT = Path(__file__).parents[3]
CONFIG = """
version: 1
state: {{ledger: "sqlite:///{folder}/ledger.db"}}
tiers:
  short: {{engine: openai, model: counted, replicas: [{{url: "{url}/v1"}}], price: {{input: 1, output: 2}}}}
models: {{short: {{tier: short}}}}
"""
# The gateway itself, beside a thread that only beats: it shows how long the machine let no thread of it run.
GATEWAY = """
import os, sys, threading, time

def beat():
    while True:
        os.write(1, b"beat %d\\n" % time.monotonic_ns())
        time.sleep(0.002)

threading.Thread(target=beat, daemon=True).start()
from router.cli.main import main
main(["serve", "--port", "0", "--config", sys.argv[1]])
"""


class Upstream:
    """came: request id to the moments (monotonic ns) at which it arrived. served: to the (input, output) answered."""

    def __init__(self, chance: random.Random) -> None:
        self._chance = chance
        self.url = ""
        self.came: dict[str, list[int]] = {}
        self.served: dict[str, tuple[int, int]] = {}

    async def answer(self, request: web.Request) -> web.StreamResponse:
        if request.method == "GET":
            return web.json_response({"data": []})
        name = request.headers["X-Request-Id"]
        self.came.setdefault(name, []).append(time.monotonic_ns())
        asked = orjson.loads(await request.read())
        await asyncio.sleep(self._chance.random() * 0.02)
        usage = self._chance.randrange(5, 500), self._chance.randrange(1, 50)
        self.served[name] = usage
        if asked.get("stream"):
            return await _streamed(request, usage)
        return web.json_response(_body(usage, message={"role": "assistant", "content": "ok"}))


async def _streamed(request: web.Request, usage: tuple[int, int]) -> web.StreamResponse:
    reply = web.StreamResponse(headers={"content-type": "text/event-stream"})
    with suppress(ConnectionError):
        await reply.prepare(request)
        for _ in range(3):
            await reply.write(b"data: %b\n\n" % orjson.dumps(_chunk({"content": "ok "})))
            await asyncio.sleep(0.002)
        await reply.write(b"data: %b\n\n" % orjson.dumps(_chunk({}, "stop")))
        await reply.write(b"data: %b\n\ndata: [DONE]\n\n" % orjson.dumps({**_body(usage), "choices": []}))
        await reply.write_eof()
    return reply


def _chunk(delta: dict[str, str], finish: str | None = None) -> dict[str, object]:
    choice = {"index": 0, "delta": delta, "finish_reason": finish}
    return {"id": "c", "object": "chat.completion.chunk", "created": 0, "model": "counted", "choices": [choice]}


def _body(usage: tuple[int, int], **choice: object) -> dict[str, object]:
    counts = {"prompt_tokens": usage[0], "completion_tokens": usage[1], "total_tokens": sum(usage)}
    choices = [{"index": 0, "finish_reason": "stop", **choice}]
    return {
        "id": "c",
        "object": "chat.completion",
        "created": 0,
        "model": "counted",
        "choices": choices,
        "usage": counts,
    }


@asynccontextmanager
async def counting(chance: random.Random) -> AsyncIterator[Upstream]:
    upstream = Upstream(chance)
    app = web.Application()
    app.router.add_route("*", "/{rest:.*}", upstream.answer)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    upstream.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    try:
        yield upstream
    finally:
        await runner.cleanup()


class Life:
    """One life of the gateway. beats: moments at which some thread of it ran."""

    def __init__(self, folder: Path, upstream: Upstream) -> None:
        config = folder / "tiergate.yaml"
        config.write_text(CONFIG.format(folder=folder, url=upstream.url))
        self._told = folder / "gateway.log"
        self._log = self._told.open("ab")
        self.process = subprocess.Popen(
            [sys.executable, "-c", GATEWAY, str(config)], cwd=folder, stdout=subprocess.PIPE, stderr=self._log,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
        )  # fmt: skip
        self.beats: list[int] = []
        self.url = ""
        self._ready = threading.Event()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    async def ready(self) -> None:
        await asyncio.to_thread(self._ready.wait, 120)
        if not self.url:
            raise RuntimeError("the gateway did not start: " + self._told.read_text()[-2000:])

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            if line.startswith(b"beat "):
                with suppress(ValueError):  # the last line of a killed process may be half a line
                    self.beats.append(int(line[5:]))
            elif found := re.search(rb"listens on (http://\S+)", line):
                self.url = found[1].decode()
                self._ready.set()
        self._ready.set()

    def kill(self) -> int:
        """Kill it; the moment (monotonic ns) before which 50 ms of its running time had passed."""
        killed_ns = time.monotonic_ns()
        self.process.send_signal(signal.SIGKILL)
        self._end()
        return ran_until(self.beats, killed_ns, 50_000_000)

    def stop(self) -> None:
        self.process.send_signal(signal.SIGTERM)
        self._end()

    def _end(self) -> None:
        self.process.wait(60)
        self._reader.join(10)
        assert self.process.stdout is not None
        self.process.stdout.close()
        self._log.close()


def ran_until(beats: list[int], end_ns: int, wanted_ns: int) -> int:
    """The latest moment after which the process ran for `wanted_ns`; a longer pause than 10 ms counts as 10."""
    ran_ns, later = 0, end_ns
    for beat in reversed(beats):
        ran_ns += min(max(0, later - beat), 10_000_000)
        later = min(later, beat)
        if ran_ns >= wanted_ns:
            return later
    return 0


class Load:
    """Callers that ask again as soon as they are answered. done: request id to the moment its whole answer was here."""

    def __init__(self, life: Life, name: str, callers: int = 12) -> None:
        self.done: dict[str, int] = {}
        self.sent: set[str] = set()
        self.failed: Counter[str] = Counter()
        self._waited: list[tuple[int, asyncio.Event]] = []
        self._life, self._name = life, name
        self._callers = [asyncio.create_task(self._call(caller)) for caller in range(callers)]

    async def answered(self, more: int) -> None:
        """Return once that many more requests have been answered."""
        reached = asyncio.Event()
        self._waited.append((len(self.done) + more, reached))
        await asyncio.wait_for(reached.wait(), 60)

    async def stop(self) -> None:
        for caller in self._callers:
            caller.cancel()
        await asyncio.gather(*self._callers, return_exceptions=True)

    async def _call(self, caller: int) -> None:
        async with aiohttp.ClientSession() as client:
            for number in range(10**9):
                name = f"{self._name}-{caller}-{number}"
                self.sent.add(name)
                body = {"model": "short", "messages": [{"role": "user", "content": name}], "stream": number % 2 == 0}
                async with client.post(
                    f"{self._life.url}/v1/chat/completions", json=body, headers={"x-request-id": name}
                ) as reply:
                    whole = await reply.read()
                if reply.status != 200 or b'"error"' in whole:
                    self.failed[f"{reply.status} {whole[:200]!r}"] += 1
                self.done[name] = time.monotonic_ns()
                for count, reached in self._waited:
                    if len(self.done) >= count:
                        reached.set()
