"""The HTTP surface under fuzz: any request ends in time, in an answer or in OpenAI's error shape, never in a 500."""

import asyncio
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import orjson

from tests.fuzz.bodies import POSTED
from tests.router.gateway import Reply, Running, chat, gateway

LIMIT_S = 10.0
_STATUSES = {200, 307, 400, 401, 403, 404, 405, 413, 415, 421, 422, 429}


class Surface:
    """A gateway in front of fakes, asked from a loop of its own, one request at a time."""

    def __init__(self, loop: asyncio.AbstractEventLoop, running: Running) -> None:
        self._loop = loop
        self._running = running

    def post(self, path: str, body: bytes, headers: Mapping[str, str]) -> Reply:
        return self._loop.run_until_complete(self._timed(self._running.post(body, path=path, headers=headers)))

    def get(self, path: str, headers: Mapping[str, str]) -> Reply:
        return self._loop.run_until_complete(self._timed(self._running.get(path, headers)))

    async def _timed(self, asked: Any) -> Reply:
        async with asyncio.timeout(LIMIT_S):
            return await asked

    def lives(self) -> None:
        """A plain request is answered, and nothing is left in flight."""
        assert self.post(POSTED[0], orjson.dumps(chat()), {}).status == 200
        assert all(tier.inflight == 0 for tier in self._running.services.snapshot.tiers.values())


@contextmanager
def surface(folder: Path) -> Iterator[Surface]:
    with asyncio.Runner() as runner:
        made = gateway(folder)
        running = runner.run(made.__aenter__())
        try:
            yield Surface(runner.get_loop(), running)
        finally:
            runner.run(made.__aexit__(None, None, None))


def encoded(body: Any) -> bytes:
    """JSON as any client may write it, NaN and lone surrogates included."""
    return json.dumps(body).encode("utf-8", "surrogatepass")


def check(reply: Reply) -> None:
    """Nothing but what docs/api.md lists; an error says what it is."""
    assert reply.status in _STATUSES, (reply.status, reply.body[:500])
    if reply.status >= 400 and reply.headers.get("content-type", "").startswith("application/json"):
        error = reply.json["error"]
        assert set(error) == {"message", "type", "param", "code"} and error["message"], error
    if reply.headers.get("content-type", "").startswith("text/event-stream"):
        assert reply.events[-1] == b"[DONE]" or "error" in reply.chunks[-1]
