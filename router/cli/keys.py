"""`tiergate keys`: who may ask."""

import re
import time
from collections.abc import Iterable
from datetime import UTC, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Annotated, cast

import typer

from policies.schema_limits import MOST_USD
from router.auth.keys import Key, KeyStore
from router.cli.check import ConfigOption, read
from router.cli.console import as_json, fail, say, table
from router.limits.rules import Own
from router.limits.state import Period
from router.money import NUSD_PER_USD, usd
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
    tiers: Annotated[str, typer.Option(help="Tiers that may answer it, with commas; all when empty.")] = "",
    budget: Annotated[str, typer.Option(help="What it may spend, such as 25USD/month, 5USD/week, 1USD/day.")] = "",
    rpm: Annotated[int | None, typer.Option(help="Requests a minute.", min=1)] = None,
    tpm: Annotated[int | None, typer.Option(help="Tokens a minute.", min=1)] = None,
    days: Annotated[int, typer.Option(help="Days until it expires; 0: never.", min=0)] = 0,
    config: ConfigOption = None,
) -> None:
    """Make a key. Its secret is shown once, here, and stored only hashed."""
    described = read(config)
    own = Own(rpm, tpm, *_budget(budget))
    expires = time.time_ns() + days * 86_400_000_000_000 if days else None
    answering = _known("--tiers", tiers, described.tiers)
    store = _store(config)
    try:
        key, secret = store.create(
            team=team, user=user, role=role.value, models=_names(models), tiers=answering,
            own=None if own.unlimited else own, expires_ns=expires,
        )  # fmt: skip
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
         ",".join(k.tiers) or "all", _limits(k), _state(k))
        for k in keys
    ]  # fmt: skip
    headings = ("id", "team", "user", "role", "models", "created", "expires", "tiers", "limits", "state")
    if json:
        as_json([dict(zip(headings, row, strict=True)) for row in rows])
    elif rows:
        table(headings, rows)
    else:
        say("There are no keys. Make one: tiergate keys create --team NAME")


@app.command()
def rotate(
    key_id: Annotated[str, typer.Argument(help="The key's id.")],
    overlap: Annotated[int, typer.Option(help="Hours for which the secret before works too.", min=0, max=8760)] = 24,
    config: ConfigOption = None,
) -> None:
    """Give a key a new secret; its id, limits and spending stay. Shown once, here."""
    store = _store(config)
    try:
        secret = store.rotate(key_id, overlap_s=overlap * 3600)
    finally:
        store.close()
    if secret is None:
        fail(f"There is no active key {key_id!r}; see tiergate keys list.")
    say(secret)
    say(f"Key {key_id} has this secret now; the one before works for {overlap} more hours.")


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


def _names(written: str) -> tuple[str, ...]:
    return tuple(name.strip() for name in written.split(",") if name.strip())


def _known(option: str, names: str, known: Iterable[str]) -> tuple[str, ...]:
    """Names with commas, each of which the configuration must have."""
    given = _names(names)
    for name in given:
        if name not in known:
            fail(f"{option}: found {name!r}, allowed: {', '.join(known)}.")
    return given


def _budget(written: str) -> tuple[int | None, Period]:
    """(nano-dollars or None, period) of 25USD/month."""
    if not written:
        return None, "month"
    match = re.fullmatch(r"(\d{1,7}(?:\.\d{1,9})?) ?USD/(day|week|month)", written.strip(), re.IGNORECASE)
    nusd = int(Decimal(match[1]) * NUSD_PER_USD) if match else 0
    if match is None or not 0 < nusd <= MOST_USD * NUSD_PER_USD:
        fail(f"--budget: found {written!r}, allowed USD a day, week or month, such as 25USD/month.")
    return nusd, cast("Period", match[2].lower())


def _limits(key: Key) -> str:
    own = key.own or Own()
    given = {
        f"{usd(own.budget_nusd or 0)} USD/{own.budget_period}": own.budget_nusd,
        f"{own.rpm} rpm": own.rpm,
        f"{own.tpm} tpm": own.tpm,
    }
    return ", ".join(told for told, limit in given.items() if limit is not None) or "none"


def _state(key: Key) -> str:
    now_ns = time.time_ns()
    if key.revoked_ns is not None:
        return "revoked"
    if not key.valid_at(now_ns):
        return "expired"
    return "two secrets" if key.overlap_ns is not None and now_ns < key.overlap_ns else "active"


def _day(moment_ns: int | None) -> str:
    return "" if moment_ns is None else datetime.fromtimestamp(moment_ns / 1e9, UTC).strftime("%Y-%m-%d")
