"""Alerts: what is wrong now, what is about to be, and what was."""

from typing import Any

from router.alerts.types import Alert
from router.dashboard.ask import Ask, Page
from router.dashboard.dataset import Column, Dataset


def _mine(ask: Ask) -> list[Alert]:
    alerts = ask.services.alerts.board.alerts
    return [alert for alert in alerts if ask.viewer.sees_all or alert.reading.team == ask.viewer.team]


def listed(ask: Ask) -> Dataset:
    columns = (
        Column("state", "State"), Column("severity", "Severity"), Column("rule", "Rule"), Column("subject", "Subject"),
        Column("message", "What"), Column("advice", "What to do"), Column("value", "Value", "ratio"),
        Column("threshold", "Threshold", "ratio"), Column("unit", "Unit"), Column("since", "Since", "time"),
        Column("began", "Began", "time"),
    )  # fmt: skip
    made = tuple(
        (
            a.phase, a.reading.severity, a.reading.rule, a.reading.subject, a.reading.told, a.reading.advice,
            a.reading.value, a.reading.threshold, a.reading.unit, a.since, a.began,
        )
        for a in _mine(ask)
    )  # fmt: skip
    return Dataset("alerts", "Alerts", columns, made)


def context(ask: Ask) -> dict[str, Any]:
    alerts = _mine(ask)
    posts = [(post.name, post.sent, post.failing) for post in ask.services.alerts.posts] if ask.viewer.sees_all else []
    return {
        "counts": {phase: sum(a.phase == phase for a in alerts) for phase in ("firing", "pending", "resolved")},
        "posts": posts, "enabled": ask.snapshot.config.alerts.enabled, "every_s": ask.snapshot.config.alerts.every_s,
    }  # fmt: skip


PAGE = Page(
    "alerts", "Alerts", "bell", "What is wrong now or about to be, and what to do.", {"alerts": listed}, context,
    periods=False,
)  # fmt: skip
