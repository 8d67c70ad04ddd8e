"""A real gateway on a real socket, in front of fake engines that say that they are fakes."""

import asyncio
import random
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import aiohttp
import orjson

from policies.load import loads
from router.app import Gateway
from router.observe.events import Event
from router.services import Opening, Services
from tests.router.server import serving
from tiers.fake import FakeEngine
from tiers.openai_http import HttpSession
from tiers.pool import Tier
from tiers.types import TierSpec

CHAT = "/v1/chat/completions"

THREE_TIERS = """
version: 1
state: {{ledger: "sqlite:///{folder}/ledger.db"}}
classifier: {{deadline_ms: 5000}}
tiers:
  edge: {{engine: llama.cpp, model: toy-edge, context: 2048, price: {{input: 1, output: 2}},
          capabilities: [chat, completions, json, logprobs, tools]}}
  short: {{engine: openai, model: toy-short, context: 4096, price: {{input: 10, output: 20}},
           replicas: [{{url: "http://127.0.0.1:9/v1"}}]}}
  long: {{engine: openai, model: toy-long, context: 8192, price: {{input: 100, output: 200}},
          replicas: [{{url: "http://127.0.0.1:9/v1"}}]}}
models:
  auto: {{policy: default}}
  edge: {{tier: edge}}
  short: {{tier: short}}
  long: {{tier: long}}
policies:
  default:
    rules:
      - {{name: straight, when: {{tag.go: straight}}, use: [short, long]}}
      - {{name: down, when: {{tag.go: draft}}, use: [edge, short, long], cascade: true}}
    route: {{candidates: [edge, short, long]}}
    cascade: {{first: edge, then: [short, long], accept: 0.5, hold_tokens: 4}}
    cache: {{exact: true, ttl_s: 60, scope: team}}
{more}
"""


@dataclass(slots=True)
class Running:
    """The gateway under test. events: everything it emitted. fakes: the engines by tier."""

    url: str
    services: Services
    client: aiohttp.ClientSession
    events: list[Event]
    fakes: Mapping[str, list[FakeEngine]]
    config: Path
    headers: dict[str, str] = field(default_factory=dict)

    async def post(self, body: Any, *, path: str = CHAT, headers: Mapping[str, str] | None = None) -> "Reply":
        raw = body if isinstance(body, bytes) else orjson.dumps(body)
        sent = {"content-type": "application/json", **self.headers, **(headers or {})}
        async with self.client.post(self.url + path, data=raw, headers=sent) as reply:
            return Reply(reply.status, {k.lower(): v for k, v in reply.headers.items()}, await reply.read())

    async def get(self, path: str, headers: Mapping[str, str] | None = None) -> "Reply":
        async with self.client.get(self.url + path, headers=headers) as reply:
            return Reply(reply.status, {k.lower(): v for k, v in reply.headers.items()}, await reply.read())

    def of(self, kind: type[Any]) -> list[Any]:
        return [event for event in self.events if isinstance(event, kind)]


@dataclass(frozen=True, slots=True)
class Reply:
    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return orjson.loads(self.body)

    @property
    def events(self) -> list[bytes]:
        """The `data:` of each server-sent event."""
        parts = self.body.split(b"\n\n")
        return [part.removeprefix(b"data: ") for part in parts if part.startswith(b"data: ")]

    @property
    def chunks(self) -> list[Any]:
        return [orjson.loads(data) for data in self.events if data != b"[DONE]"]

    @property
    def text(self) -> str:
        """What the caller reads, of a stream or of a whole answer."""
        if self.headers["content-type"].startswith("text/event-stream"):
            deltas = [choice.get("delta", {}) for chunk in self.chunks for choice in chunk.get("choices", ())]
            return "".join(delta.get("content") or "" for delta in deltas)
        return str(self.json["choices"][0]["message"]["content"])


def chat(text: str = "What is the capital of France?", *, model: str = "auto", **fields: Any) -> dict[str, Any]:
    return {"model": model, "messages": [{"role": "user", "content": text}], **fields}


@asynccontextmanager
async def gateway(
    folder: Path,
    fakes: Mapping[str, Mapping[str, Any]] | None = None,
    *,
    config: str = THREE_TIERS,
    more: str = "",
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
) -> AsyncIterator[Running]:
    """fakes: tier name -> options of its FakeEngine (see tiers/fake_script.py). more: YAML added at the end.

    sleep: how the fakes pause, so that a test can hold them.
    """
    path = folder / "tiergate.yaml"
    path.write_text(config.format(folder=folder, more=more))
    engines: dict[str, list[FakeEngine]] = {}
    events: list[Event] = []

    def build(spec: TierSpec, _: HttpSession) -> Tier:
        scripted = replace(spec, options=dict((fakes or {}).get(spec.name, {"reply": f"I am {spec.name}."})))
        made = [FakeEngine(scripted, sleep=sleep) for _ in spec.replicas]
        engines[spec.name] = made
        return Tier(spec, made, clock=time.monotonic, rng=random.Random(0))

    def read() -> Any:
        return loads(path.read_bytes(), str(path), {})

    app = Gateway(lambda: Opening(path, read, build=build, listeners=(events.append,)))
    async with serving(app) as url, aiohttp.ClientSession() as client:
        assert app.services is not None
        yield Running(url, app.services, client, events, engines, path)
