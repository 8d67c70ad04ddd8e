"""The place where limits are counted, as the configuration says, and what keys bring along."""

import time
from collections.abc import Iterable, Iterator
from pathlib import Path

from policies.schema import Config
from router.auth.keys import Key
from router.limits.memory import MemoryStore
from router.limits.rules import Budget, Rules
from router.limits.shared import RedisStore, source_of
from router.limits.store import Store


def store_of(config: Config) -> Store:
    """Not yet open."""
    if config.state.shared == "memory":
        return MemoryStore(lambda: time.time_ns() // 1000)
    source = source_of(Path(config.state.ledger_path))
    return RedisStore.at(config.state.shared, config.state.redis, source=source)


def own_budgets(keys: Iterable[Key], rules: Rules) -> Iterator[Budget]:
    """The budgets that keys were made with."""
    for key in keys:
        yield from rules.own_budget(key.id, key.own)
