"""The state of a budget, as pages, alerts and metrics read it."""

from dataclasses import dataclass
from typing import Literal

Unit = Literal["usd", "tokens"]
OnExceed = Literal["reject", "downgrade", "warn"]
Period = Literal["day", "week", "month"]


@dataclass(frozen=True, slots=True)
class BudgetState:
    """One budget in its present period. Amounts: nano-dollars where `unit` is usd, else tokens.

    scope: such as `org`, `team:search`, `key:ID`, `user:ada`, `tag:NAME=VALUE`; always one of them, never `team:*`.
    spent: settled. reserved: held for attempts under way. remaining: below 0 where it is overrun.
    unpriced: attempts in the period whose price is unknown, which `spent` cannot hold. state: `ok`, `exceeded`
    (nothing is left), or `unknown` (Redis cannot be reached, so `spent` and `reserved` are this gateway's own).
    starts_ns, ends_ns: Unix time of the period.
    """

    scope: str
    unit: Unit
    period: Period
    timezone: str
    on_exceed: OnExceed
    limit: int
    spent: int
    reserved: int
    unpriced: int
    starts_ns: int
    ends_ns: int
    state: Literal["ok", "exceeded", "unknown"]

    @property
    def remaining(self) -> int:
        return self.limit - self.spent - self.reserved
