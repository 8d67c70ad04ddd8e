"""The provider: a raw server on loopback that answers every request in one of the modes."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from tests.faults.exchange import Exchange, read
from tests.faults.modes import MODES, Mode

METRICS = b"""# TYPE vllm:num_requests_running gauge
vllm:num_requests_running{engine="0",model_name="m"} 3.0
vllm:num_requests_waiting{engine="0",model_name="m"} 1.0
vllm:kv_cache_usage_perc{engine="0",model_name="m"} 0.25
vllm:prompt_tokens_total{engine="0",model_name="m"} 1.5e+03
vllm:generation_tokens_total{engine="0",model_name="m"} 42.0
"""


class Provider:
    """mode: a name or a function; may be changed between requests. attempts: requests other than GET, with
    `requests` their bodies and `times` when they came, on the monotonic clock.

    name: begins the ids of its answers. deaf: it never reads the body of a request. disconnects: how often a client
    closed while its answer was under way. `came` is set by the first request, `left` by the first disconnect, `blocked`
    when a client no longer reads as fast as it is sent to.
    """

    def __init__(self, mode: str | Mode, tick_s: float, name: str) -> None:
        self.mode = mode
        self.name = name
        self.deaf = False
        self.tick_s = tick_s
        self.url = ""
        self.attempts = 0
        self.connections = 0
        self.disconnects = 0
        self.requests: list[Any] = []
        self.times: list[float] = []
        self.headers: list[dict[str, str]] = []
        self.paths: list[str] = []
        self.came = asyncio.Event()
        self.left = asyncio.Event()
        self.blocked = asyncio.Event()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            while x := await read(reader, writer, self.tick_s, deaf=self.deaf):
                if writer.is_closing():
                    break
                await self._answer(x)
        except ConnectionError:
            self._note_left()
        finally:
            writer.close()

    async def _answer(self, x: Exchange) -> None:
        if x.method == "GET":
            await _answer_get(x)
            return
        x.earlier, x.name = self.attempts, f"{self.name}{self.attempts + 1}"
        self.attempts += 1
        self.requests.append(x.body)
        self.times.append(time.monotonic())
        self.headers.append(x.headers)
        self.paths.append(x.path)
        x.blocked = self.blocked
        self.came.set()
        answer = MODES[self.mode] if isinstance(self.mode, str) else self.mode
        await answer(x)
        if x.left.is_set():
            self._note_left()

    def _note_left(self) -> None:
        self.disconnects += 1
        self.left.set()


async def _answer_get(x: Exchange) -> None:
    if x.path.endswith("/models"):
        await x.json(200, {"object": "list", "data": [{"id": "m", "object": "model"}]})
    elif x.path == "/metrics":
        await x.reply(200, METRICS, "text/plain")
    else:
        await x.json(200, {})


@asynccontextmanager
async def provider(
    mode: str | Mode = "ok", *, port: int = 0, tick_s: float = 0.02, name: str = ""
) -> AsyncIterator[Provider]:
    """Serve on loopback, on an ephemeral port unless one is given; `.url` ends in /v1."""
    made = Provider(mode, tick_s, name)
    tasks: set[asyncio.Task[None]] = set()

    def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.ensure_future(made.serve(reader, writer))
        tasks.add(task)
        task.add_done_callback(tasks.discard)

    server = await asyncio.start_server(accept, "127.0.0.1", port)
    made.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1"
    try:
        yield made
    finally:
        server.close()
        for task in list(tasks):
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
