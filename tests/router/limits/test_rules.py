"""Periods, scopes and rates by themselves."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policies.load import loads
from router.limits.gcra import MINUTE_US, allows, charged, rate
from router.limits.headers import duration
from router.limits.meters import counted_as
from router.limits.period import span
from router.limits.rules import Own, Rules, Scope, Who
from tests.policies.fleet import TIERS

NOW_US = 1_795_000_000_000_000
DAY_NS = 86_400_000_000_000
moments = st.integers(0, 4_000_000_000).map(lambda second: second * 1_000_000_000 + 7)
zones = st.sampled_from(["UTC", "Europe/Berlin", "America/New_York", "Asia/Kolkata", "Pacific/Auckland"])


@given(st.sampled_from(["day", "week", "month"]), zones, moments)
def test_a_moment_is_in_its_period_and_periods_meet(period, zone, now_ns):
    """Every moment is in one period, which begins at a local midnight, and the next begins where it ends."""
    found = span(period, zone, now_ns)
    assert found.starts_ns <= now_ns < found.ends_ns
    assert span(period, zone, found.ends_ns).starts_ns == found.ends_ns
    assert span(period, zone, found.starts_ns) == found
    begun = datetime.fromtimestamp(found.starts_ns // 1_000_000_000, ZoneInfo(zone))
    assert begun.strftime("%Y-%m-%d") == found.name
    assert period != "week" or begun.weekday() == 0
    assert period != "month" or begun.day == 1


def test_a_day_may_have_23_or_25_hours():
    """Periods follow the clocks of their zone over the change to summer time and back."""
    hours = []
    for month, day in ((3, 29), (10, 25)):
        noon = int(datetime(2026, month, day, 12, tzinfo=UTC).timestamp()) * 1_000_000_000
        found = span("day", "Europe/Berlin", noon)
        hours.append((found.ends_ns - found.starts_ns) // 3_600_000_000_000)
    assert hours == [23, 25]


@given(st.integers(1, 1_000), st.lists(st.tuples(st.integers(0, 5_000_000), st.integers(1, 3)), max_size=60))
def test_no_minute_sees_more_than_twice_the_limit(per_minute, asked):
    """A burst of one minute and the rate of another is the most that GCRA lets through in 60 seconds."""
    now, tat, passed = NOW_US, 0.0, []
    for wait_us, cost in asked:
        now += wait_us
        after = charged(tat, now, per_minute, cost)
        if allows(after, now):
            tat = after
            passed.append((now, cost))
    for begin, _ in passed:
        within = sum(cost for moment, cost in passed if begin <= moment < begin + MINUTE_US)
        assert within <= 2 * per_minute


@given(st.integers(1, 100_000), st.integers(1, 50))
def test_after_the_time_it_was_told_to_wait_a_request_passes(per_minute, before):
    """`wait_us` is long enough, and `remaining` is what may really come at once."""
    tat = charged(0.0, NOW_US, per_minute, per_minute)
    refused = charged(tat, NOW_US, per_minute, min(before, per_minute))
    told = rate(tat, NOW_US, per_minute, refused=refused)
    assert not allows(refused, NOW_US) and told.remaining == 0 and told.wait_us > 0
    later = NOW_US + told.wait_us
    assert allows(charged(tat, later, per_minute, min(before, per_minute)), later)


def test_a_scope_by_name_stands_in_place_of_each():
    """`team:a` has its own, every other team that of `team:*`; what a key was made with is in place of `key:*`."""
    more = """
server: {auth: keys}
budgets: [{scope: org, limit_usd: 100}, {scope: "team:*", limit_usd: 5}, {scope: team:a, limit_usd: 50},
          {scope: "key:*", limit_usd: 1}, {scope: "tag:job=n=1", limit_tokens: 7}]
limits: [{scope: "team:*", rpm: 5}, {scope: team:a, tpm: 50}]
"""
    rules = Rules(loads(TIERS + more, "f", {}))

    def budgets(team: str, key: str, own: Own | None = None, **tags: str) -> dict[str, int]:
        return {str(scope): budget.limit for scope, budget in rules.budgets_of(Who(team, key, "", tags, own))}

    assert budgets("a", "k") == {"org": 100 * 10**9, "team:a": 50 * 10**9, "key:k": 10**9}
    assert budgets("b", "") == {"org": 100 * 10**9, "team:b": 5 * 10**9}
    assert budgets("", "k", Own(budget_nusd=3), job="n=1") == {"org": 100 * 10**9, "key:k": 3, "tag:job=n=1": 7}
    assert [str(scope) for scope, _ in rules.rates_of(Who("a", "k", "", {}, Own(rpm=1)))] == ["team:a", "key:k"]


@pytest.mark.parametrize("written", ["org", "team:a:b", "key:0123", "user:ada@example.org", "tag:job=n=1"])
def test_a_scope_reads_and_writes_the_same(written):
    """What the configuration has is what pages, metrics and refusals show."""
    assert str(Scope.of(written)) == written


def test_long_names_that_callers_choose_stay_short_and_apart():
    """A user of a megabyte is one short counter, and not somebody else's."""
    one, other = (counted_as(Scope("user", letter * 1_000_000)) for letter in "xy")
    assert len(one) < 100 and one != other


@pytest.mark.parametrize(
    ("us", "told"),
    [(0, "0ms"), (1, "1ms"), (120_000, "120ms"), (1_500_000, "1.5s"), (60_000_000, "1m0s"), (61_000_000, "1m1s")],
)
def test_durations_are_written_as_openai_writes_them(us, told):
    """Milliseconds, seconds, or minutes and seconds."""
    assert duration(us) == told
