"""What people ask a ledger: `tiergate spend`, and the questions behind the dashboard's pages."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from router.ledger.latency import latency
from router.ledger.read import request, requests
from router.ledger.sums import sums

_DAY_NS = 86_400 * 10**9

Query = Callable[[], Any]


def spend(path: Path, now_ns: int) -> dict[str, Query]:
    """The command's readings, on the whole hours that it reads."""
    hour = now_ns // (_DAY_NS // 24) * (_DAY_NS // 24)
    day, week, month = (hour - days * _DAY_NS for days in (1, 7, 30))
    return {
        "spend --by tier --since 24h": lambda: sums(path, ["tier"], since_ns=day),
        "spend --by team,tier --since 7d": lambda: sums(path, ["team", "tier"], since_ns=week),
        "spend --by team --since 30d": lambda: sums(path, ["team"], since_ns=month),
        "spend --by key --since 30d": lambda: sums(path, ["key"], since_ns=month),
        "spend --by kind --since 30d": lambda: sums(path, ["kind"], since_ns=month),
        "spend --by tag.feature --since 30d": lambda: sums(path, ["tag.feature"], since_ns=month),
    }


def pages(path: Path, now_ns: int) -> dict[str, Query]:
    """One for each kind of chart and table, over the longest period that it is offered for."""
    hour = now_ns // (_DAY_NS // 24) * (_DAY_NS // 24)
    day, week, month = (hour - days * _DAY_NS for days in (1, 7, 30))
    last = requests(path, limit=1).rows[0]["request_id"]
    team = {"team": "team-03"}
    return {
        "overview: totals, 30 days": lambda: sums(path, since_ns=month),
        "overview: by day, 30 days": lambda: sums(path, since_ns=month, every="day"),
        "overview: by tier and hour, 7 days": lambda: sums(path, ["tier"], since_ns=week, every="hour"),
        "overview: p95 of duration by tier and day, 30 days": lambda: latency(
            path, "duration", ["tier"], since_ns=month, every="day"
        ),
        "explore: team by model, 30 days": lambda: sums(path, ["team", "model"], since_ns=month),
        "explore: key by decision, 30 days": lambda: sums(path, ["key", "decision"], since_ns=month),
        "explore: team by day, 30 days": lambda: sums(path, ["team"], since_ns=month, every="day"),
        "explore: one team by user and day, 30 days": lambda: sums(
            path, ["user"], since_ns=month, where=team, every="day"
        ),
        "explore: tag by team, 30 days": lambda: sums(path, ["tag.workload", "team"], since_ns=month),
        "routing: asked to tier by decision, 30 days": lambda: sums(
            path, ["asked", "decision", "tier"], since_ns=month
        ),
        "cache: results by day, 30 days": lambda: sums(path, ["cache"], since_ns=month, every="day"),
        "gpus: replicas by hour, 7 days": lambda: sums(path, ["tier", "replica"], since_ns=week, every="hour"),
        "latency: TTFT by model and hour, 7 days": lambda: latency(
            path, "ttft", ["model"], since_ns=week, every="hour"
        ),
        "requests: the newest 50": lambda: requests(path),
        "requests: the newest 50 of a team that failed": lambda: requests(path, where={**team, "status": "503"}),
        "requests: 50 of a tag, from a week ago": lambda: requests(
            path, until_ns=week, where={"tag.feature": "feature-07"}
        ),
        "requests: one with its attempts": lambda: request(path, last),
        "an edge inside an hour: totals, 24 h": lambda: sums(path, since_ns=day + 1_234_567_890_123),
    }
