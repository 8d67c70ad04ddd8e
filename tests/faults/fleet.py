"""A gateway in front of providers that break: two tiers, each with a replica for every mode."""

from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp

from policies.load import loads
from router.app import Gateway
from router.ledger.read import recent
from router.services import Opening
from tests.faults.modes import Mode
from tests.faults.server import Provider, provider
from tests.router.gateway import Reply, Running, chat
from tests.router.server import serving

CONFIG = """
version: 1
state: {{ledger: "sqlite:///{folder}/ledger.db"}}
tiers:
  short: {{engine: {engines[0]}, model: m, context: 512, price: {{input: 1, output: 2}}, replicas: [{short}],
          timeouts: {{connect_s: 1, first_token_s: 0.4, idle_s: 0.4, total_s: 5}}}}
  long: {{engine: {engines[1]}, model: m, context: 4096, price: {{input: 10, output: 20}}, replicas: [{long}],
         timeouts: {{connect_s: 1, first_token_s: 0.4, idle_s: 0.4, total_s: 5}}}}
models: {{auto: {{policy: default}}, short: {{tier: short}}}}
policies:
  default:
    rules: [{{name: all, use: [short, long]}}]
    cache: {{exact: {cache}}}
    fallback: {fallback}
"""


@dataclass(frozen=True, slots=True)
class Fleet:
    """running: the gateway. short, long: the providers of each tier, in the order of its replicas."""

    running: Running
    short: list[Provider]
    long: list[Provider]

    async def ask(self, text: str = "Count.", **fields: Any) -> Reply:
        return await self.running.post(chat(text, **fields))

    async def row(self) -> dict[str, Any]:
        """The last request as the ledger has it, with its attempts in `tried`."""
        await self.running.services.ledger.flush()
        return recent(self.running.config.parent / "ledger.db", 1)[0]


@asynccontextmanager
async def fleet(
    folder: Path,
    short: Sequence[str | Mode] = ("ok",),
    long: Sequence[str | Mode] = ("ok",),
    *,
    engines: tuple[str, str] = ("vllm", "vllm"),
    fallback: str = "{}",
    cache: bool = False,
) -> AsyncIterator[Fleet]:
    """short, long: the modes of each tier's replicas. The model `auto` tries short, then long; `short` is pinned."""
    async with AsyncExitStack() as stack:
        first = [await stack.enter_async_context(provider(mode, name=f"s{i}-")) for i, mode in enumerate(short)]
        second = [await stack.enter_async_context(provider(mode, name=f"l{i}-")) for i, mode in enumerate(long)]
        config = CONFIG.format(
            folder=folder, short=_replicas(first), long=_replicas(second), engines=engines, fallback=fallback,
            cache=str(cache).lower(),
        )  # fmt: skip
        path = folder / "t.yaml"
        path.write_text(config)
        app = Gateway(lambda: Opening(path, lambda: loads(path.read_bytes(), "t.yaml", {})))
        url = await stack.enter_async_context(serving(app))
        client = await stack.enter_async_context(aiohttp.ClientSession())
        assert app.services is not None
        yield Fleet(Running(url, app.services, client, [], {}, path), first, second)


def _replicas(providers: list[Provider]) -> str:
    return ", ".join(f'{{url: "{one.url}"}}' for one in providers)
