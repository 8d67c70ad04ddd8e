"""Who is next: the urgent, then teams in turn, then first come, first served."""

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from router.line import Line, Waiter

PRIORITIES = ["low", "normal", "high"]


def joins(line, *, team="", priority="normal", at=0.0, patience_s=10.0, item=None):
    waiter = Waiter(item, team, priority, at, patience_s)
    line.add(waiter)
    return waiter


def served(line, now):
    """Everybody, in the order in which places would be given."""
    order = []
    while line:
        waiter = next(line.order(now))
        line.serve(waiter)
        order.append(waiter)
    return order


def test_a_higher_priority_goes_first():
    """Whoever came before it."""
    line = Line()
    waiters = [joins(line, priority=priority) for priority in PRIORITIES]
    assert served(line, 0.0) == waiters[::-1]


@given(st.lists(st.sampled_from(["a", "b", "c"]), max_size=30), st.sampled_from(PRIORITIES))
def test_within_a_team_the_first_come_is_the_first_served(teams, priority):
    """Whatever the others do."""
    line = Line()
    waiters = [joins(line, team=team, priority=priority) for team in teams]
    order = served(line, 0.0)
    for team in set(teams):
        assert [w for w in order if w.team == team] == [w for w in waiters if w.team == team]


@given(st.integers(1, 40), st.integers(1, 40))
def test_a_team_with_many_requests_does_not_hold_up_the_others(many, few):
    """While both wait each gets every second place."""
    line = Line()
    for _ in range(many):
        joins(line, team="many")
    for _ in range(few):
        joins(line, team="few")
    both = served(line, 0.0)[: 2 * min(many, few)]
    assert Counter(w.team for w in both) == {"many": min(many, few), "few": min(many, few)}


def test_waiting_makes_urgent():
    """After a third of its patience low priority is like normal, after two thirds like high."""
    line = Line()
    low = joins(line, priority="low", at=0.0)
    high = joins(line, priority="high", at=6.0)
    assert next(line.order(6.0)) is high
    line.remove(high)
    newer = joins(line, priority="high", at=7.0)
    assert next(line.order(7.0)) is low
    assert list(line.order(7.0)) == [low, newer]


@given(st.lists(st.tuples(st.sampled_from(PRIORITIES), st.sampled_from("abc")), max_size=30))
def test_nobody_starves(arrivals):
    """Against an endless stream of high priority everybody is served before its patience is over.

    One place a second; before each, somebody of high priority joins.
    """
    line = Line()
    waiting = {joins(line, team=team, priority=priority, patience_s=90.0) for priority, team in arrivals}
    for second in range(1, 91):
        joins(line, priority="high", team="d", at=float(second), patience_s=90.0)
        waiter = next(line.order(float(second)))
        line.serve(waiter)
        waiting.discard(waiter)
    assert not waiting


@given(st.data())
def test_the_line_is_the_sum_of_those_in_it(data):
    """Joining, leaving and being served in any order: each is in it once, and the order names everybody once."""
    line, inside = Line(), set()
    for _ in range(data.draw(st.integers(0, 30))):
        deed = data.draw(st.sampled_from(["join", "join", "leave", "serve"]))
        if deed == "join":
            inside.add(
                joins(line, team=data.draw(st.sampled_from("ab")), priority=data.draw(st.sampled_from(PRIORITIES)))
            )
        elif inside:
            waiter = next(line.order(1.0)) if deed == "serve" else data.draw(st.sampled_from(sorted(inside, key=id)))
            (line.serve if deed == "serve" else line.remove)(waiter)
            line.remove(waiter)
            inside.discard(waiter)
        order = list(line.order(1.0))
        assert len(line) == len(order) == len(inside)
        assert set(order) == inside
        assert line.ahead_of("low") == len(inside)
