"""The breaker opens on failures, waits, and lets one probe decide."""

import pytest

from tiers.breaker import Breaker, BreakerSettings

SETTINGS = BreakerSettings(consecutive=3, window_s=30, min_calls=10, failure_share=0.5, open_s=5, max_open_s=20)


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def breaker(clock: Clock) -> Breaker:
    return Breaker(clock, SETTINGS)


def open_it(breaker: Breaker) -> None:
    for _ in range(SETTINGS.consecutive):
        breaker.fail()


def test_opens_on_failures_in_a_row_and_not_before(breaker):
    """Two failures leave it closed, the third opens it."""
    breaker.fail()
    breaker.fail()
    assert breaker.state == "closed"
    breaker.fail()
    assert breaker.state == "open"
    assert not breaker.admits


def test_an_answer_between_failures_starts_the_count_again(breaker):
    """Failures that are not in a row do not open it."""
    for _ in range(2):
        breaker.fail()
        breaker.fail()
        breaker.succeed()
    breaker.fail()
    assert breaker.state == "closed"


def test_opens_on_the_share_of_failures_in_the_window(breaker):
    """Half of ten calls failing opens it although never three in a row."""
    for _ in range(5):
        breaker.succeed()
        assert breaker.state == "closed"
        breaker.fail()
    assert breaker.state == "open"


def test_failures_older_than_the_window_are_forgotten(breaker, clock):
    """The share is taken over the window alone."""
    for _ in range(4):
        breaker.succeed()
        breaker.fail()
    clock.now += 31
    for _ in range(4):
        breaker.succeed()
        breaker.fail()
    assert breaker.state == "closed"


def test_half_open_admits_one_probe_at_a_time(breaker, clock):
    """After the pause one call passes; a second does not until the first ended."""
    open_it(breaker)
    clock.now += 5
    assert breaker.state == "half_open"
    assert breaker.begin()
    assert not breaker.admits
    assert not breaker.begin()
    breaker.end(probe=True)
    assert breaker.admits


def test_a_successful_probe_closes(breaker, clock):
    """One answer and everything passes again."""
    open_it(breaker)
    clock.now += 5
    probe = breaker.begin()
    breaker.succeed()
    breaker.end(probe=probe)
    assert breaker.state == "closed"
    assert breaker.admits


def test_each_failed_probe_doubles_the_pause_up_to_the_longest(breaker, clock):
    """5, 10, 20, 20 seconds; a success in between starts at 5 again."""
    open_it(breaker)
    for pause_s in (5, 10, 20, 20):
        clock.now += pause_s - 0.1
        assert breaker.state == "open"
        clock.now += 0.1
        assert breaker.state == "half_open"
        breaker.fail()
    clock.now += 20
    breaker.succeed()
    open_it(breaker)
    clock.now += 5
    assert breaker.state == "half_open"


def test_late_results_of_old_calls_do_not_move_an_open_breaker(breaker, clock):
    """Neither a late failure prolongs the pause nor a late answer ends it."""
    open_it(breaker)
    clock.now += 4
    breaker.fail()
    breaker.succeed()
    assert breaker.state == "open"
    clock.now += 1
    assert breaker.state == "half_open"
