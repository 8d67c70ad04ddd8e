"""Measures: what a group of the ledger can be looked at by."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from router.dashboard.books import NS, tokens
from router.dashboard.figures import Unit, divided
from router.ledger.sums import RequestSums, Sums


@dataclass(frozen=True, slots=True)
class Measure:
    """of: its value for a group, None where there is nothing to divide by. sums: whether groups add up to the whole."""

    label: str
    unit: Unit
    of: Callable[[Sums], float | None]
    sums: bool = True


def asked(row: Sums) -> RequestSums:
    """The group's requests; all 0 where it is grouped by what only an attempt has."""
    return row.requests or RequestSums()


def saved_usd(row: Sums) -> float:
    return sum(asked(row).saved_nusd.values()) / NS


def usd_per_1k_requests(row: Sums) -> float | None:
    each = divided(row.attempts.cost_nusd / NS, asked(row).requests)
    return None if each is None else each * 1_000


def usd_per_1m_tokens(row: Sums) -> float | None:
    each = divided(row.attempts.cost_nusd / NS, tokens(row))
    return None if each is None else each * 1_000_000


def error_share(row: Sums) -> float | None:
    return divided(asked(row).errors, asked(row).requests)


def hits(row: Sums) -> int:
    """Requests of a group by cache result that were answered from a cache."""
    return asked(row).requests if row.by.get("cache") in ("hit", "semantic") else 0


MEASURES: Mapping[str, Measure] = {
    "cost": Measure("Spend", "usd", lambda row: row.attempts.cost_nusd / NS),
    "requests": Measure("Requests", "count", lambda row: asked(row).requests),
    "tokens": Measure("Tokens", "tokens", tokens),
    "output": Measure("Output tokens", "tokens", lambda row: row.attempts.output_tokens),
    "saved": Measure("Saved", "usd", saved_usd),
    "wasted": Measure("Spent on drafts thrown away", "usd", lambda row: row.attempts.wasted_nusd / NS),
    "per_1k": Measure("Per 1k requests", "usd", usd_per_1k_requests, sums=False),
    "per_1m": Measure("Per 1M tokens", "usd", usd_per_1m_tokens, sums=False),
    "errors": Measure("Error rate", "share", error_share, sums=False),
    "escalations": Measure("Escalations", "count", lambda row: row.attempts.escalations),
    "unknown": Measure("Unknown cost", "count", lambda row: row.attempts.unknown_cost),
}
