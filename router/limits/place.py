"""The place where limits are counted, as the configuration says, and what keys bring along."""

import contextlib
import secrets
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

from policies.schema import Config
from router.auth.keys import Key
from router.limits.memory import MemoryStore
from router.limits.rules import Budget, Rules
from router.limits.store import Store


def store_of(config: Config) -> Store:
    """Not yet open. Raises ValueError where it is a Redis and the extra `redis` is not installed."""
    if config.state.shared == "memory":
        return MemoryStore(lambda: time.time_ns() // 1000)
    try:
        from router.limits.shared import RedisStore
    except ModuleNotFoundError as error:
        raise ValueError("state.shared is a Redis, which needs: pip install 'tiergate[redis]'") from error
    source = source_of(Path(config.state.ledger_path))
    return RedisStore.at(config.state.shared, config.state.redis, source=source)


def source_of(ledger: Path) -> str:
    """The name that a ledger's figures go by on Redis; made once, beside it, so that it stays over a restart."""
    place = ledger.with_suffix(".source")
    with contextlib.suppress(FileExistsError), place.open("x", encoding="ascii") as file:
        file.write(secrets.token_hex(8))
    return place.read_text(encoding="ascii").strip()


def own_budgets(keys: Iterable[Key], rules: Rules) -> Iterator[Budget]:
    """The budgets that keys were made with, of those not revoked."""
    for key in keys:
        if key.revoked_ns is None:
            yield from rules.own_budget(key.id, key.own)
