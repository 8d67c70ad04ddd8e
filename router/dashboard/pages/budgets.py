"""Budgets: how much of each is used, what is held for requests under way, and where it will end."""

from typing import Any

from router.dashboard.ask import Ask, Page
from router.dashboard.books import NS
from router.dashboard.dataset import Column, Dataset
from router.limits.state import BudgetState

_EARLY = 0.05  # share of a period before which its pace says nothing


def _states(ask: Ask) -> list[BudgetState]:
    """The fullest first; a team's key sees the budgets of its team."""
    mine = f"team:{ask.viewer.team}"
    states = [state for state in ask.services.limits.states() if ask.viewer.sees_all or state.scope == mine]
    return sorted(states, key=lambda state: (-_used(state), state.scope))


def _used(state: BudgetState) -> float:
    return (state.spent + state.reserved) / state.limit if state.limit else 1.0


def _passed(state: BudgetState, now: float) -> float:
    """Share of the period that is over."""
    return min(1.0, (now * NS - state.starts_ns) / max(1, state.ends_ns - state.starts_ns))


def _expected(state: BudgetState, now: float) -> float | None:
    """Share of the limit at the period's end, at its pace so far."""
    passed = _passed(state, now)
    return state.spent / passed / state.limit if state.limit and passed >= _EARLY else None


def _amount(state: BudgetState, amount: int) -> float:
    return amount / NS if state.unit == "usd" else amount


def listed(ask: Ask) -> Dataset:
    columns = (
        Column("scope", "Scope"), Column("period", "Period"), Column("unit", "Unit"), Column("limit", "Limit", "ratio"),
        Column("spent", "Spent", "ratio"), Column("reserved", "Held", "ratio"),
        Column("remaining", "Remaining", "ratio"),
        Column("used", "Used", "share"), Column("passed", "Period over", "share"),
        Column("expected", "Expected at the end", "share"), Column("unpriced", "Unpriced attempts", "count"),
        Column("on_exceed", "When spent"), Column("state", "State"), Column("starts", "From", "time"),
        Column("ends", "To", "time"), Column("timezone", "Time zone"),
    )  # fmt: skip
    made = tuple(
        (
            s.scope, s.period, s.unit, *(_amount(s, a) for a in (s.limit, s.spent, s.reserved, s.remaining)), _used(s),
            _passed(s, ask.now), _expected(s, ask.now), s.unpriced, s.on_exceed, s.state, s.starts_ns / NS,
            s.ends_ns / NS, s.timezone,
        )
        for s in _states(ask)
    )  # fmt: skip
    note = "Spent is settled; held is reserved for attempts under way and given back when they end."
    return Dataset("budgets", "Budgets", columns, made, note)


def context(ask: Ask) -> dict[str, Any]:
    states = _states(ask)
    near = [state for state in states if _used(state) >= 0.8]
    late = [state for state in states if (_expected(state, ask.now) or 0) > 1]
    return {"near": len(near), "late": len(late), "spent_out": sum(state.remaining <= 0 for state in states)}


PAGE = Page(
    "budgets", "Budgets", "wallet", "Who is near a limit, what happens there, and where the period will end.",
    {"budgets": listed}, context, periods=False,
)  # fmt: skip
