"""The soak itself: load, faults, and what the gateway's process holds on to meanwhile."""

import asyncio
import os
import re
import time
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from statistics import quantiles

import aiohttp

from benchmarks.soak.load import Caller
from tests.sdk.process import Served

MOST_ERRORS, MOST_GROWTH = 0.001, 0.05
WARM_S, MEASURE_S = 10.0, 10.0


@dataclass(frozen=True, slots=True)
class Held:
    """What the gateway's process holds: resident MB (10^6 bytes), open files, requests in flight."""

    memory_mb: float
    files: int
    inflight: float


@dataclass(frozen=True, slots=True)
class Report:
    """rate: requests a second. errors: share of all answers that were not whole. early, late: what was held after the
    warm-up and at the end, when all requests had ended.
    """

    rate: float
    seconds: float
    asked: int
    outcomes: Mapping[str, int]
    errors: float
    p50_s: float
    p99_s: float
    early: Held
    late: Held

    @property
    def growth(self) -> float:
        return self.late.memory_mb / self.early.memory_mb - 1

    @property
    def wrong(self) -> list[str]:
        found = {
            f"{self.errors:.3%} of the answers were errors, {MOST_ERRORS:.1%} allowed": self.errors >= MOST_ERRORS,
            f"memory grew by {self.growth:.1%}, {MOST_GROWTH:.0%} allowed": self.growth >= MOST_GROWTH,
            f"open files grew from {self.early.files} to {self.late.files}": self.late.files > self.early.files + 20,
            f"{self.late.inflight:g} requests are still in flight": self.late.inflight > 0,
            "truncated successes": any(outcome.startswith("SURPRISE") for outcome in self.outcomes),
        }
        return [what for what, is_so in found.items() if is_so]


async def soak(served: Served, seconds: float, *, share_of_saturation: float = 0.7, warm_s: float = WARM_S) -> Report:
    """Warm up while measuring what saturates it, then load it for so many seconds at that share of it."""
    connector = aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(connector=connector) as client:
        warming = Caller(client, served.url)
        rate = share_of_saturation * await warming.saturated(warm_s)
        early = await _settled(served)
        caller = Caller(client, served.url)
        began = time.monotonic()
        await caller.steady(max(1.0, rate), seconds)
        took_s = time.monotonic() - began
        late = await _settled(served)
    cuts = quantiles(caller.tally.seconds, n=100)
    return Report(
        rate,
        took_s,
        caller.tally.asked,
        caller.tally.outcomes,
        caller.tally.error_rate,
        cuts[49],
        cuts[98],
        early,
        late,
    )


async def _settled(served: Served) -> Held:
    """What is held once nothing is in flight, or five seconds later."""
    for _ in range(50):
        held = await asyncio.to_thread(_held, served)
        if not held.inflight:
            break
        await asyncio.sleep(0.1)
    return held


def _held(served: Served) -> Held:
    process = Path(f"/proc/{served.process.pid}")
    pages = int((process / "statm").read_text(encoding="ascii").split()[1])
    with urllib.request.urlopen(served.url + "/metrics", timeout=10) as reply:
        metrics = reply.read().decode()
    inflight = sum(float(value) for value in re.findall(r"^tiergate_inflight\{.*\} (\S+)$", metrics, re.MULTILINE))
    return Held(pages * os.sysconf("SC_PAGE_SIZE") / 1e6, len(list((process / "fd").iterdir())), inflight)
