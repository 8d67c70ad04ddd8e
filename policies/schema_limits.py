"""Budgets, rate limits and the Redis that several gateways share, in the configuration file."""

import re
from decimal import Decimal
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, BeforeValidator, Field, WithJsonSchema, model_validator

from policies.problems import mistake
from policies.schema_base import Number, Positive, Settings, TimeZone, no_bool

MOST_USD = 9_000_000  # in nano-dollars still exact in the double-precision numbers that Redis compares
MOST_TOKENS = 9_000_000_000_000_000
SCOPE_ALLOWED = "org, team:NAME, key:ID, user:NAME, tag:NAME=VALUE; team:*, key:* or user:* for each of them"
_SCOPE = re.compile(r"org|(team|key|user):[^\s].*|tag:[^=\s]+=.+")


def _scope(written: str) -> str:
    if not _SCOPE.fullmatch(written):
        raise mistake(f"'{written}'", SCOPE_ALLOWED)
    return written


Scope = Annotated[str, AfterValidator(_scope), WithJsonSchema({"type": "string", "pattern": f"^({_SCOPE.pattern})$"})]
LimitUsd = Annotated[
    Decimal,
    BeforeValidator(no_bool),
    Field(gt=0, le=MOST_USD),
    WithJsonSchema({"type": "number", "exclusiveMinimum": 0, "maximum": MOST_USD}),
]


class Budget(Settings):
    """What a scope may spend in a calendar period."""

    scope: Scope = Field(description=f"Whose spending: {SCOPE_ALLOWED}.")
    limit_usd: LimitUsd | None = Field(default=None, description="USD per period; this or `limit_tokens`.")
    limit_tokens: Annotated[Positive, Field(le=MOST_TOKENS)] | None = Field(
        default=None, description="Tokens per period, prompt and answer of every attempt; this or `limit_usd`."
    )
    period: Literal["day", "week", "month"] = Field(
        default="month", description="Calendar period; a week begins on Monday."
    )
    timezone: TimeZone | None = Field(
        default=None, description="Time zone that the period begins in; `server.timezone` when not given."
    )
    on_exceed: Literal["reject", "downgrade", "warn"] = Field(
        default="reject",
        description="`reject`: 429 `insufficient_quota`; `downgrade`: cheaper tiers that still fit, the cheapest "
        "where none does; `warn`: metrics and alerts only.",
    )

    @model_validator(mode="after")
    def _one_limit(self) -> Self:
        if (self.limit_usd is None) == (self.limit_tokens is None):
            found = "neither" if self.limit_usd is None else "both"
            raise mistake(found, "exactly one of 'limit_usd' and 'limit_tokens'")
        return self


class RateLimit(Settings):
    """How much a scope may ask for in a minute."""

    scope: Scope = Field(description=f"Whose requests: {SCOPE_ALLOWED}. `key:*` is the limit of every single key.")
    rpm: Annotated[Positive, Field(le=60_000_000)] | None = Field(
        default=None, description="Requests a minute; a whole minute's may come at once."
    )
    tpm: Annotated[Positive, Field(le=MOST_USD)] | None = Field(
        default=None,
        description="Tokens a minute: the prompt and the expected answer when a request comes, corrected at its end.",
    )

    @model_validator(mode="after")
    def _some_limit(self) -> Self:
        if self.rpm is None and self.tpm is None:
            raise mistake("neither", "'rpm', 'tpm' or both")
        return self


class Redis(Settings):
    """How the Redis of `state.shared` is used, and what happens without it."""

    timeout_ms: Number = Field(
        default=5, gt=0, le=10_000, description="Milliseconds that a request waits for Redis, at most."
    )
    prefix: Annotated[str, Field(min_length=1, max_length=64, pattern=r"^[A-Za-z0-9._:-]+$")] = Field(
        default="tiergate", description="What the names of its keys begin with; one for each installation."
    )
    limits: Literal["open", "closed"] = Field(
        default="open", description="Rate limits without Redis: `open` lets every request pass, `closed` none (503)."
    )
    budgets: Literal["closed", "open", "lease"] = Field(
        default="closed",
        description="Budgets with `on_exceed: reject` without Redis: `closed` refuses what would cost something "
        "(503), `open` counts here and refuses nothing, `lease` lets this gateway spend `lease_share` of what was "
        "left when Redis was last seen.",
    )
    lease_share: Number = Field(
        default=0.1, gt=0, le=1, description="Share of what is left of a budget, for one gateway without Redis."
    )
    retry_s: Number = Field(default=0.5, gt=0, le=60, description="Seconds between two tries to reach it again.")


def shared_place(place: str) -> str:
    """Check `state.shared`: `memory` or the address of a Redis."""
    if place != "memory" and not re.fullmatch(r"(rediss?|unix)://\S+", place):
        raise mistake(f"'{place}'", "memory, redis://HOST:PORT/DATABASE, rediss://... or unix:///PATH")
    return place
