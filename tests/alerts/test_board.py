"""When an alert is told: once when it fires, once when it gets worse, once when it is over."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from router.alerts.board import CLEARS_AFTER_S, FIRES_AFTER_S, Board
from router.alerts.types import Reading

BAD = Reading("error-rate", "all", 0.05, 0.01, "share", "5 % fail.", "Look.", "critical")
FINE = replace(BAD, value=0.0)
HOVERING = replace(BAD, value=0.0095)


def phases(board):
    return [alert.phase for alert in board.alerts]


def test_it_fires_after_a_minute_and_once():
    """Over the threshold it is pending, after a minute it fires and is told, then not again."""
    board = Board()
    assert board.look([BAD], 0) == []
    assert phases(board) == ["pending"]
    assert [a.phase for a in board.look([BAD], FIRES_AFTER_S)] == ["firing"]
    assert board.look([BAD], FIRES_AFTER_S + 30) == []


def test_a_moment_is_nothing():
    """What is under its threshold again within the minute is told to nobody."""
    board = Board()
    board.look([BAD], 0)
    assert board.look([FINE], 30) == []
    assert board.look([BAD], FIRES_AFTER_S + 30) == []
    assert phases(board) == ["pending"]


def test_what_hovers_at_the_threshold_does_not_flap():
    """A firing alert stays while the value is over nine tenths of it, and resolves two minutes after."""
    board = Board()
    board.look([BAD], 0)
    board.look([BAD], 60)
    assert board.look([HOVERING], 600) == []
    assert board.look([FINE], 650) == []
    assert phases(board) == ["firing"]
    told = board.look([FINE], 600 + CLEARS_AFTER_S)
    assert [(a.phase, a.reading.value) for a in told] == [("resolved", 0.0)]
    assert board.look([FINE], 10_000) == []


def test_no_news_is_over_too():
    """A subject that is no longer measured (a replica that is gone) resolves like one that is well."""
    board = Board()
    board.look([BAD], 0)
    board.look([BAD], 60)
    assert board.look([], 100) == []
    assert [a.phase for a in board.look([], 60 + CLEARS_AFTER_S)] == ["resolved"]


def test_a_budget_is_told_at_once_and_at_each_step():
    """50 %, then 80 %, then 100 %: three messages of one alert."""
    board = Board()
    told = []
    for at, (used, step) in enumerate([(0.55, 1), (0.6, 1), (0.85, 2), (0.9, 2), (1.2, 3), (1.3, 3)]):
        reading = Reading("budget", "team:a month", used, 0.5, "share", "", "", step=step)
        told += [(alert.phase, alert.reading.step) for alert in board.look([reading], at * 30)]
    assert told == [("firing", 1), ("firing", 2), ("firing", 3)]


@given(st.lists(st.tuples(st.sampled_from([0.0, 0.0095, 0.05]), st.integers(1, 200)), max_size=60))
def test_messages_alternate(story):
    """Whatever happens, one subject's messages are fired, resolved, fired, resolved."""
    board, now, told = Board(), 0.0, []
    for value, seconds in story:
        now += seconds
        told += [alert.phase for alert in board.look([replace(BAD, value=value)], now)]
    assert told == [("firing", "resolved")[place % 2] for place in range(len(told))]


def test_resolved_alerts_are_kept_a_week():
    """Then they are forgotten."""
    board = Board()
    board.look([BAD], 0)
    board.look([BAD], 60)
    board.look([FINE], 300)
    assert phases(board) == ["resolved"]
    board.look([FINE], 300 + 8 * 86_400)
    assert phases(board) == []
