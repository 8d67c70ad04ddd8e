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
    _draw(ask("POST", f"{url}/admin/replicas/{tier}/{replica}/drain")["tiers"])


@app.command()
def undrain(tier: str, replica: str, url: UrlOption = _HERE) -> None:
    """Send it requests again."""
    _draw(ask("POST", f"{url}/admin/replicas/{tier}/{replica}/undrain")["tiers"])


@app.command()
def interrupt(tier: str, replica: str, url: UrlOption = _HERE) -> None:
    """Its machine will be taken away: drain it until it was down and is up again."""
    _draw(ask("POST", f"{url}/admin/replicas/{tier}/{replica}/interrupt")["tiers"])


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
    if not states:
        say("The gateway has no tiers.")
        return
    rows = [
        (s["tier"], s["replica"], s["class"], _state(s), s["inflight"], s["inflight_tokens"], _known(s["running"]),
         _known(s["waiting"]), _share(s["kv_cache"]), s["queued"], s["error"] or "")
        for s in states
    ]  # fmt: skip
    numbers = ("in flight", "tokens", "running", "waiting", "KV cache", "queued")
    table(("tier", "replica", "class", "state", *numbers, "problem"), rows, numbers=numbers)


def _state(state: dict[str, Any]) -> str:
    """`ejected 12 s`: so long until it is tried again."""
    if state["ejected_for_s"] is not None and state["state"] == "ejected":
        return f"ejected {state['ejected_for_s']:.0f} s"
    return f"{state['state']} (interrupted)" if state["interrupted"] else str(state["state"])


def _known(value: object) -> object:
    return "-" if value is None else value


def _share(value: float | None) -> str:
    return "-" if value is None else f"{value:.0%}"
