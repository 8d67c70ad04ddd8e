"""Re-dispatches are a small share of the traffic, whatever fails."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.tiers.fleets import Clock
from tiers.budget import RetryBudget, RetryShare


def outage(budget, clock, *, per_s, seconds, allowed):
    """Every request fails and asks for a retry; how many a second were allowed after the first ten seconds."""
    retries = 0
    for call in range(int(per_s * seconds)):
        clock.now += 1 / per_s
        budget.sent()
        retries += budget.take(allowed) and call >= per_s * 10
    return retries / (seconds - 10)


@pytest.mark.parametrize("per_s", [200, 2000])
def test_retries_stay_under_a_tenth_of_the_traffic(per_s):
    """However long every request fails."""
    clock = Clock()
    share = RetryShare(0.1, min_per_s=1)
    assert outage(RetryBudget(clock), clock, per_s=per_s, seconds=60, allowed=share) <= 0.101 * per_s


def test_a_quiet_gateway_can_retry():
    """The floor holds where a tenth of the traffic would be less than one."""
    clock = Clock()
    assert outage(RetryBudget(clock), clock, per_s=2, seconds=60, allowed=RetryShare()) == 2


def test_a_burst_is_retried_once():
    """A replica with a hundred calls dies: they all go elsewhere; the next hundred at once do not."""
    budget = RetryBudget(Clock())
    assert [budget.take(RetryShare()) for _ in range(200)] == [True] * 100 + [False] * 100


def test_the_budget_comes_back():
    """Half a minute after it was spent most of it is there again."""
    clock = Clock()
    budget = RetryBudget(clock)
    while budget.take(RetryShare()):
        pass
    clock.now += 30
    assert sum(budget.take(RetryShare()) for _ in range(200)) >= 90


@given(st.lists(st.tuples(st.floats(0, 5), st.booleans()), max_size=200))
def test_what_is_allowed_never_passes_the_bound(steps):
    """In any order of calls, pauses and failures."""
    clock = Clock()
    budget, allowed = RetryBudget(clock), RetryShare(0.1, min_per_s=1)
    first = again = 0
    for pause_s, fails in steps:
        clock.now += pause_s
        budget.sent()
        first += 1
        again += fails and budget.take(allowed)
    assert again <= 0.1 * first + 1 * (clock.now - 1000 + 10)


def test_no_share_and_no_floor_mean_no_retry():
    """The owner may switch retries off."""
    budget = RetryBudget(Clock())
    budget.sent()
    assert not budget.take(RetryShare(0.0, 0.0))
