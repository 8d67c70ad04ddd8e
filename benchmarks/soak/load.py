"""The load: answers asked for at a steady rate, each judged, half of them streamed."""

import asyncio
import itertools
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import aiohttp
import orjson

from tests.faults.verdict import judged
from tests.router.gateway import CHAT, Reply, chat

TOKENS = 30
HANG_S = 30.0


@dataclass(slots=True)
class Tally:
    """outcomes: what callers got, by name. slow: the seconds of every answer."""

    outcomes: Counter[str] = field(default_factory=Counter)
    seconds: list[float] = field(default_factory=list)

    @property
    def asked(self) -> int:
        return self.outcomes.total()

    @property
    def error_rate(self) -> float:
        return 1 - self.outcomes["whole answer"] / max(1, self.asked)


class Caller:
    """Asks one gateway and keeps the tally."""

    def __init__(self, client: aiohttp.ClientSession, url: str) -> None:
        self.tally = Tally()
        self._client = client
        self._url = url + CHAT
        self._numbers = itertools.count()

    async def ask(self) -> None:
        number = next(self._numbers)
        ask: Mapping[str, Any] = {"max_tokens": TOKENS, "stream": number % 2 == 0}
        began = time.monotonic()
        try:
            async with asyncio.timeout(HANG_S):
                outcome = await self._asked(number, ask)
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            outcome = type(error).__name__
        self.tally.outcomes[outcome] += 1
        self.tally.seconds.append(time.monotonic() - began)

    async def _asked(self, number: int, ask: Mapping[str, Any]) -> str:
        body = orjson.dumps(chat(f"Count, caller {number}.", **ask))
        async with self._client.post(self._url, data=body) as answer:
            reply = Reply(answer.status, {k.lower(): v for k, v in answer.headers.items()}, await answer.read())
        got, why = judged(reply, ask, TOKENS)
        return got if got == "whole answer" else f"{got}: {why[:80]}"

    async def steady(self, rate: float, seconds: float) -> None:
        """So many requests a second, whatever becomes of them; returns when all have ended."""
        began, tasks = time.monotonic(), set[asyncio.Task[None]]()
        for number in range(round(rate * seconds)):
            await asyncio.sleep(max(0.0, began + number / rate - time.monotonic()))
            task = asyncio.create_task(self.ask())
            tasks.add(task)
            task.add_done_callback(tasks.discard)
        await asyncio.gather(*tasks)

    async def saturated(self, seconds: float, callers: int = 32) -> float:
        """Whole answers a second with so many callers that never wait."""
        end = time.monotonic() + seconds

        async def one() -> None:
            while time.monotonic() < end:
                await self.ask()

        before = self.tally.outcomes["whole answer"]
        await asyncio.gather(*(one() for _ in range(callers)))
        return (self.tally.outcomes["whole answer"] - before) / seconds
