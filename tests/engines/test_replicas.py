"""Two real llama.cpp processes as replicas of one tier: drained and killed while they answer."""

import asyncio
import os
import random
import signal
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import aiohttp

from policies.load import loads
from router.app import Gateway
from router.observe.events import AttemptBegan, AttemptEnded
from router.services import Opening
from tests.router.gateway import Running, chat
from tests.router.server import serving
from tiers.llamacpp import EmbeddedEngine
from tiers.openai_http import HttpSession
from tiers.pool import Tier
from tiers.types import ReplicaSpec, TierSpec

CONFIG = """
version: 1
state: {{ledger: "sqlite:///{folder}/ledger.db"}}
tiers:
  edge: {{engine: llama.cpp, model: "bundled:edge", context: 2048, price: {{input: 1, output: 2}},
         options: {{threads: 1, slots: 8}}}}
models: {{edge: {{tier: edge}}}}
"""
LONG = {"max_tokens": 300, "ignore_eos": True, "temperature": 0}


@dataclass(frozen=True)
class Fleet:
    running: Running
    tier: Tier
    engines: list[EmbeddedEngine]
    began: asyncio.Event

    def ask(self, **fields) -> asyncio.Task:
        return asyncio.create_task(self.running.post(chat("Tell me of rain.", model="edge", **LONG, **fields)))

    async def both_busy(self) -> None:
        async with asyncio.timeout(60):
            await self.began.wait()


@asynccontextmanager
async def fleet(folder: Path) -> AsyncIterator[Fleet]:
    path, engines, events, began = folder / "t.yaml", [], [], asyncio.Event()
    path.write_text(CONFIG.format(folder=folder))

    def build(spec: TierSpec, _: HttpSession) -> Tier:
        two = replace(spec, replicas=(ReplicaSpec(name="a"), ReplicaSpec(name="b")))
        engines.extend(EmbeddedEngine(two) for _ in two.replicas)
        return Tier(two, engines, clock=time.monotonic, rng=random.Random(1))

    def heard(event) -> None:
        """Both replicas are at work from the moment in which each was sent something."""
        events.append(event)
        if {e.reservation.replica for e in events if isinstance(e, AttemptBegan)} == {"a", "b"}:
            began.set()

    opening = Opening(path, lambda: loads(path.read_bytes(), "t.yaml", {}), build=build, listeners=(heard,))
    app = Gateway(lambda: opening)
    async with serving(app) as url, aiohttp.ClientSession() as client:
        assert app.services is not None
        running = Running(url, app.services, client, events, {}, path)
        yield Fleet(running, app.services.snapshot.tiers["edge"], engines, began)


async def test_a_drained_replica_finishes_what_it_answers(tmp_path):
    """Nothing new comes, every answer under way is whole, and it is drained when the last is."""
    async with fleet(tmp_path) as made:
        a, _ = made.tier.replicas
        tasks = [made.ask(stream=True) for _ in range(6)]
        await made.both_busy()
        reply = await made.running.post({}, path="/admin/replicas/edge/a/drain")
        assert {entry["replica"]: entry["state"] for entry in reply.json["tiers"]} == {"a": "draining", "b": "up"}
        before = a.inflight
        tasks += [made.ask(stream=True) for _ in range(3)]
        replies = await asyncio.gather(*tasks)
        assert {(reply.status, reply.headers["x-tiergate-attempts"]) for reply in replies} == {(200, "1")}
        assert all(reply.events[-1] == b"[DONE]" for reply in replies)
        ended = [event.reservation.replica for event in made.running.of(AttemptEnded)]
        assert ended.count("a") == before
        assert a.state == "drained"


async def test_a_killed_replica_costs_nobody_an_answer(tmp_path):
    """What it was answering is asked of the other; it is started again and takes work."""
    async with fleet(tmp_path) as made:
        a, b = made.tier.replicas
        tasks = [made.ask() for _ in range(8)]
        await made.both_busy()
        hit = a.inflight
        os.kill(made.engines[0].pid, signal.SIGKILL)
        replies = await asyncio.gather(*tasks)
        assert {reply.status for reply in replies} == {200}
        attempts = [reply.headers["x-tiergate-attempts"] for reply in replies]
        assert (attempts.count("2"), attempts.count("1")) == (hit, 8 - hit)
        assert (a.inflight, a.tokens, b.inflight, b.tokens) == (0, 0, 0, 0)
        while a.state != "up":
            await a.check()
        made.tier.drain("b")
        assert (await made.ask()).status == 200
