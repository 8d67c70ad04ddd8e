"""Each rule: over its threshold when it should be, and silent when it cannot know."""

from dataclasses import replace

import pytest
from prometheus_client import CollectorRegistry, Counter, Histogram

from policies.schema_alerts import Alerts
from router.alerts.counters import Counts, Window, read
from router.alerts.evidence import Evidence
from router.alerts.rules import readings
from router.limits.state import BudgetState

NOW = 1_795_260_048.0
QUIET = Evidence(
    now=NOW, counts=Counts({}), this_hour={}, same_hours=(), key_hours={}, teams={}, unknown={}, loops={}, budgets=(),
    lag_s=0.0, failing=None, reload_failures=0, kv_cache={},
)  # fmt: skip
HALF_DAY = BudgetState(
    scope="team:search", unit="usd", period="day", timezone="UTC", on_exceed="reject", limit=100, spent=40, reserved=0,
    unpriced=0, starts_ns=int((NOW - 43_200) * 1e9), ends_ns=int((NOW + 43_200) * 1e9), state="ok",
)  # fmt: skip


def over(seen, **settings):
    """The rules that are over their thresholds, with their subjects."""
    return {r.rule: r.subject for r in readings(seen, Alerts(**settings)) if r.over}


def counted(statuses=(), *, escalated=0, took_s=(), first_s=()):
    """Counts of a window in which this happened, through real metrics."""
    registry = CollectorRegistry()
    requests = Counter("tiergate_requests", "", ["status"], registry=registry)
    escalations = Counter("tiergate_escalations", "", registry=registry)
    took = Histogram("tiergate_request_duration_seconds", "", buckets=(0.1, 0.8, 1, 2), registry=registry)
    first = Histogram("tiergate_time_to_first_token_seconds", "", ["tier"], buckets=(0.1, 0.8, 1), registry=registry)
    window = Window()
    for status in ("200", "502"):
        requests.labels(status).inc(1000)  # from before the window
    window.take(read(registry, 0))
    for status, count in statuses:
        requests.labels(status).inc(count)
    escalations.inc(escalated)
    for seconds in took_s:
        took.observe(seconds)
    for seconds in first_s:
        first.labels("short").observe(seconds)
    return window.take(read(registry, 30))


def test_nothing_is_wrong_with_nothing():
    """No traffic, no budgets, no gauges: no rule is over."""
    assert over(QUIET) == {}


@pytest.mark.parametrize(
    ("changes", "rule", "subject"),
    [
        ({"budgets": (replace(HALF_DAY, spent=55),)}, "budget", "team:search day"),
        ({"budgets": (replace(HALF_DAY, reserved=60),)}, "budget", "team:search day"),
        ({"budgets": (replace(HALF_DAY, spent=60),)}, "budget-forecast", "team:search day"),
        ({"this_hour": {"k": 31.0}, "same_hours": (10, 10, 0, 0)}, "spend-rate", "all"),
        ({"this_hour": {"k": 6.0}, "key_hours": {"k": 1.0}}, "key-jump", "k"),
        ({"loops": {("k", "search", "auto", 512): 101}}, "runaway-loop", "k auto 512"),
        ({"unknown": {("managed", "m"): 1}}, "unknown-price", "managed m"),
        ({"lag_s": 31.0}, "ledger-lag", "ledger"),
        ({"reload_failures": 1}, "stale-config", "configuration"),
        ({"kv_cache": {("long", "a"): 0.91}}, "gpu-memory", "long a"),
        ({"counts": counted([("200", 100)], escalated=51)}, "escalation-rate", "all"),
        ({"counts": counted([("200", 98), ("502", 2)])}, "error-rate", "all"),
        ({"counts": counted([("200", 100)], took_s=[0.5] * 98 + [1.5] * 2)}, "slow-requests", "all"),
        ({"counts": counted([("200", 100)], first_s=[0.5] * 90 + [0.9] * 10)}, "slow-first-token", "short"),
    ],
)
def test_a_rule_is_over(changes, rule, subject):
    """Just over the default threshold."""
    assert over(replace(QUIET, **changes)).get(rule) == subject


@pytest.mark.parametrize(
    "changes",
    [
        {"budgets": (replace(HALF_DAY, spent=49),)},
        {"this_hour": {"k": 29.0}, "same_hours": (10, 10, 0, 0), "key_hours": {"k": 10}},
        {"this_hour": {"k": 0.9}, "same_hours": (0.1, 0.1), "key_hours": {"k": 0.01}},  # below least_usd
        {"this_hour": {"k": 50.0}, "same_hours": (0, 0, 0, 0)},  # nothing to compare with
        {"loops": {("k", "search", "auto", 512): 100}},
        {"lag_s": 29.0},
        {"kv_cache": {("long", "a"): 0.9}},
        {"counts": counted([("200", 100), ("499", 50)])},  # callers that left are no failures
        {"counts": counted([("502", 20)])},  # too few to say
        {"counts": counted([("200", 1000), ("502", 9)])},
        {"counts": counted([("200", 100)], took_s=[0.5] * 100, first_s=[0.5] * 100)},
    ],
)
def test_a_rule_is_not_over(changes):
    """Just under, or with too little known."""
    assert over(replace(QUIET, **changes)) == {}


def test_thresholds_are_the_owner_s():
    """A setting moves the line."""
    assert over(replace(QUIET, lag_s=31.0), ledger_lag_s=40) == {}
    assert "ledger-lag" in over(replace(QUIET, lag_s=31.0), ledger_lag_s=5)


def test_a_team_s_alerts_are_its_own():
    """A team's budget is its business, the fleet's memory is not."""
    seen = replace(QUIET, budgets=(replace(HALF_DAY, spent=99),), kv_cache={("long", "a"): 0.99})
    assert {r.rule: r.team for r in readings(seen, Alerts()) if r.over} == {
        "budget": "search", "budget-forecast": "search", "gpu-memory": None,
    }  # fmt: skip


def test_a_window_forgets():
    """What was counted more than five minutes ago is not counted."""
    registry = CollectorRegistry()
    requests = Counter("tiergate_requests", "", ["status"], registry=registry)
    window = Window()
    window.take(read(registry, 0))
    requests.labels("502").inc(7)
    assert window.take(read(registry, 290)).sum("tiergate_requests_total", status="502") == 7
    assert window.take(read(registry, 600)).sum("tiergate_requests_total", status="502") == 0
