"""`tiergate tiers`: the replicas of a running gateway."""

import asyncio
import os
from typing import Annotated, Any

import aiohttp
import typer

from router.cli.console import as_json, fail, say, table

app = typer.Typer(no_args_is_help=True)
UrlOption = Annotated[
    str,
    typer.Option("--url", help="The running gateway; its admin key is read from TIERGATE_KEY.", envvar="TIERGATE_URL"),
]
_HERE = "http://127.0.0.1:8080"


@app.command("list")
def every(url: UrlOption = _HERE, json: Annotated[bool, typer.Option("--json", help="For machines.")] = False) -> None:
    """Replicas, their state and load; what an engine does not report is `-`."""
    states = ask("GET", f"{url}/admin/tiers")["tiers"]
    if json:
        as_json(states)
        return
    _draw(states)


@app.command()
def drain(tier: str, replica: str, url: UrlOption = _HERE) -> None:
    """Send a replica nothing new; what it is answering goes on."""
    _draw(ask("POST", f"{url}/admin/tiers/{tier}/replicas/{replica}/drain")["tiers"])


@app.command()
def undrain(tier: str, replica: str, url: UrlOption = _HERE) -> None:
    """Send it requests again."""
    _draw(ask("POST", f"{url}/admin/tiers/{tier}/replicas/{replica}/undrain")["tiers"])


def ask(method: str, url: str) -> dict[str, Any]:
    """One call to the administration API; ends the command with what is wrong where it fails."""
    return asyncio.run(_ask(method, url))


async def _ask(method: str, url: str) -> dict[str, Any]:
    key = os.environ.get("TIERGATE_KEY")
    headers = {"authorization": f"Bearer {key}"} if key else {}
    timeout = aiohttp.ClientTimeout(total=10)
    try:
        async with (
            aiohttp.ClientSession(timeout=timeout, headers=headers) as session,
            session.request(method, url) as reply,
        ):
            data: dict[str, Any] = await reply.json()
    except (aiohttp.ClientError, TimeoutError, ValueError) as error:
        fail(f"no gateway answers at {url} ({type(error).__name__}); start one, or pass --url.", code=1)
    if reply.status != 200:
        fail(str(data.get("error", {}).get("message", data)), code=1)
    return data


def _draw(states: list[dict[str, Any]]) -> None:
    rows = [
        (s["tier"], s["replica"], s["engine"], _state(s), s["breaker"], s["inflight"], _known(s["waiting"]),
         _share(s["kv_cache"]), s["error"] or "")
        for s in states
    ]  # fmt: skip
    headings = (
        "tier",
        "replica",
        "engine",
        "state",
        "breaker",
        "in flight",
        "waiting",
        "KV cache",
        "problem",
    )
    table(headings, rows, numbers=("in flight", "waiting", "KV cache"))
    if not rows:
        say("The gateway has no tiers.")


def _state(state: dict[str, Any]) -> str:
    return "draining" if state["draining"] else "up" if state["up"] else "down"


def _known(value: object) -> object:
    return "-" if value is None else value


def _share(value: float | None) -> str:
    return "-" if value is None else f"{value:.0%}"
