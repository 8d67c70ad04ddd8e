"""`tiergate keys`: who may ask."""

import time
from datetime import UTC, datetime
from enum import StrEnum
from typing import Annotated

import typer

from router.auth.keys import KeyStore
from router.cli.check import ConfigOption, read
from router.cli.console import as_json, fail, say, table
from router.services import ledger_path

app = typer.Typer(no_args_is_help=True)


class Role(StrEnum):
    """What a key may do: send requests, those and administration, or read the pages."""

    use = "use"
    admin = "admin"
    read = "read"


def _store(config: ConfigOption) -> KeyStore:
    place = ledger_path(read(config))
    place.parent.mkdir(parents=True, exist_ok=True)
    return KeyStore.open(place)


@app.command()
def create(
    team: Annotated[str, typer.Option(help="Team that the key spends for.")],
    user: Annotated[str, typer.Option(help="Person or service.")] = "",
    role: Annotated[Role, typer.Option(help="use, admin or read.")] = Role.use,
    models: Annotated[str, typer.Option(help="Models it may ask for, with commas; all when empty.")] = "",
    days: Annotated[int, typer.Option(help="Days until it expires; 0: never.", min=0)] = 0,
    config: ConfigOption = None,
) -> None:
    """Make a key. Its secret is shown once, here, and stored only hashed."""
    allowed = tuple(name.strip() for name in models.split(",") if name.strip())
    expires = time.time_ns() + days * 86_400_000_000_000 if days else None
    store = _store(config)
    try:
        key, secret = store.create(team=team, user=user, role=role.value, models=allowed, expires_ns=expires)
    finally:
        store.close()
    say(secret)
    say(f"Key {key.id} for team {team}. Keep the secret now: it is not stored and cannot be shown again.")


@app.command("list")
def every(
    config: ConfigOption = None, json: Annotated[bool, typer.Option("--json", help="For machines.")] = False
) -> None:
    """The keys, without their secrets."""
    store = _store(config)
    try:
        keys = store.list()
    finally:
        store.close()
    rows = [
        (k.id, k.team, k.user, k.role, ",".join(k.models) or "all", _day(k.created_ns), _day(k.expires_ns) or "never",
         "revoked" if k.revoked_ns else "active")
        for k in keys
    ]  # fmt: skip
    headings = ("id", "team", "user", "role", "models", "created", "expires", "state")
    if json:
        as_json([dict(zip(headings, row, strict=True)) for row in rows])
    elif rows:
        table(headings, rows)
    else:
        say("There are no keys. Make one: tiergate keys create --team NAME")


@app.command()
def revoke(key_id: Annotated[str, typer.Argument(help="The key's id.")], config: ConfigOption = None) -> None:
    """Refuse a key from now on; a running gateway follows within a second."""
    store = _store(config)
    try:
        found = store.revoke(key_id)
    finally:
        store.close()
    if not found:
        fail(f"There is no active key {key_id!r}; see tiergate keys list.")
    say(f"Key {key_id} is revoked.")


def _day(moment_ns: int | None) -> str:
    return "" if moment_ns is None else datetime.fromtimestamp(moment_ns / 1e9, UTC).strftime("%Y-%m-%d")
