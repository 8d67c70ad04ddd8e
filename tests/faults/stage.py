"""The stage: one gateway with two tiers and a model name for each case, so that no case can touch another."""

import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp

from policies.load import loads
from router.app import Gateway
from router.services import Opening, Services
from tests.faults.cases import Case
from tests.faults.modes import Mode
from tests.faults.server import Provider, provider
from tests.router.server import serving

# Short, so that the whole card takes seconds; the proportions are those of a real fleet.
TIMEOUTS = {"connect_s": 1, "idle_s": 1.5, "total_s": 5}
LIMITS = {"queue_timeout_s": 0.3}


@dataclass(slots=True)
class Place:
    """Where a case is played. model: its name for the caller. first, then: the providers of its two tiers."""

    model: str
    first: list[Provider] = field(default_factory=list)
    then: list[Provider] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Stage:
    """places: by the case's name."""

    url: str
    folder: Path
    services: Services
    client: aiohttp.ClientSession
    places: dict[str, Place]


@asynccontextmanager
async def staged(folder: Path, cases: tuple[Case, ...]) -> AsyncIterator[Stage]:
    async with AsyncExitStack() as stack:
        config: dict[str, Any] = {
            "version": 1, "state": {"ledger": f"sqlite:///{folder}/ledger.db"}, "tiers": {}, "models": {},
            "policies": {}, "server": {"max_body_bytes": 20_000_000},
        }  # fmt: skip
        places = {case.name: await _place(stack, config, case, f"c{number}") for number, case in enumerate(cases)}
        text = json.dumps(config)
        path = folder / "stage.yaml"
        path.write_text(text)
        app = Gateway(lambda: Opening(path, lambda: loads(path.read_bytes(), "stage.yaml", {})))
        url = await stack.enter_async_context(serving(app))
        client = await stack.enter_async_context(aiohttp.ClientSession())
        assert app.services is not None
        yield Stage(url, folder, app.services, client, places)


async def _place(stack: AsyncExitStack, config: dict[str, Any], case: Case, name: str) -> Place:
    """The case's providers, with their tiers, model and policy written into the configuration."""
    place = Place(name)
    wanted = (("first", case.first, place.first, 8_000_000), ("then", case.then, place.then, 16_000_000))
    used = []
    for number, (side, modes, providers, context) in enumerate(wanted):
        if not modes:
            continue
        urls = [await _url(stack, mode, providers, f"{name}{side}{i}-") for i, mode in enumerate(modes)]
        used.append(f"{name}-{side}")
        config["tiers"][used[-1]] = {
            "engine": case.engines[number], "model": "m", "context": context, "limits": LIMITS,
            "timeouts": {**TIMEOUTS, "first_token_s": case.first_token_s},
            "price": {"input": 1 + number, "output": 2 + number}, "replicas": [{"url": url} for url in urls],
        }  # fmt: skip
    config["models"][name] = {"policy": name}
    config["policies"][name] = {"rules": [{"name": "all", "use": used, "fallback": False}], "cache": {"exact": False}}
    return place


async def _url(stack: AsyncExitStack, mode: str | Mode, providers: list[Provider], name: str) -> str:
    if isinstance(mode, str) and mode.startswith("http:"):
        return mode
    made = await stack.enter_async_context(provider("ok" if mode in ("https", "deaf") else mode, name=name))
    providers.append(made)
    if mode == "https":
        return made.url.replace("http:", "https:")
    made.deaf = mode == "deaf"
    return made.url
