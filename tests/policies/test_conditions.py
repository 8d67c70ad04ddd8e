"""Conditions: what each way of writing one admits."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic_core import PydanticCustomError

from policies.conditions import hours, numbers, texts, weekdays


@pytest.mark.parametrize(
    ("written", "admitted", "refused"),
    [
        (">2000", [2001], [2000]),
        (">= 5", [5], [4]),
        ("<5", [0, 4], [5]),
        ("<=5", [5], [6]),
        ("==5", [5], [4, 6]),
        (5, [5], [4, 6]),
        ("5", [5], [6]),
        ("200..500", [200, 500], [199, 501]),
        ([1, ">9"], [1, 10], [2, 9]),
    ],
)
def test_numbers(written: object, admitted: list[int], refused: list[int]):
    """Comparisons, ranges with both ends, and lists of either."""
    condition = numbers(written)
    assert all(map(condition.admits, admitted))
    assert not any(map(condition.admits, refused))


@given(st.integers(0, 23), st.integers(0, 23), st.integers(0, 23))
def test_hours_go_round_midnight(first: int, last: int, hour: int):
    """`22..5` is from ten in the evening until six in the morning; both ends count."""
    inside = first <= hour <= last if first <= last else hour >= first or hour <= last
    assert hours(f"{first}..{last}").admits(hour) is inside


@pytest.mark.parametrize(
    ("written", "days"),
    [("mon..fri", {0, 1, 2, 3, 4}), ("sat..mon", {5, 6, 0}), (["tue", "sun"], {1, 6}), ("Wednesday", {2})],
)
def test_weekdays(written: object, days: set[int]):
    """Names, ranges over the weekend, lists; long names and capitals are understood."""
    assert weekdays(written).members == days


@pytest.mark.parametrize(
    ("written", "admitted", "refused"),
    [
        ("search", ["search"], ["Search", "search2", ""]),
        ("team-*", ["team-a", "team-"], ["team", "a-team-b"]),
        ("*a*b", ["ab", "xaxb"], ["ba"]),
        (["a.c", "x*"], ["a.c", "xyz"], ["abc"]),
        (7, ["7"], ["8"]),
    ],
)
def test_texts(written: object, admitted: list[str], refused: list[str]):
    """Exact, or with * for anything; no other character is special."""
    condition = texts(written)
    for admits in (condition.admits, condition.tester()):
        assert all(map(admits, admitted))
        assert not any(map(admits, refused))


@pytest.mark.parametrize("written", [24, 123, "-1", "monday"])
def test_what_is_no_hour_is_refused(written: object):
    """Nothing is cut to fit."""
    with pytest.raises(PydanticCustomError, match="an hour from 0 to 23"):
        hours(written)


@pytest.mark.parametrize("written", ["monkey", "m", "freitag", 0])
def test_what_is_no_weekday_is_refused(written: object):
    """The three letters or the whole name."""
    with pytest.raises(PydanticCustomError, match="one of mon, tue"):
        weekdays(written)


@pytest.mark.parametrize("read", [numbers, texts, hours, weekdays])
@pytest.mark.parametrize("written", [None, True, {}, [], [None], 1.5, [[1]], "x..", "..", "1..2..3", "<0", "\x00?"])
def test_what_is_no_condition_is_refused(read, written: object):
    """Refused in words, or read as a text where any text will do."""
    if read is texts and isinstance(written, str):
        assert texts(written).admits(written)
        return
    with pytest.raises(PydanticCustomError, match="allowed"):
        read(written)


SPANS = st.lists(st.tuples(st.integers(0, 30), st.integers(0, 30)).map(sorted), min_size=1, max_size=3)
WORDS = st.lists(st.text("ab*", max_size=3), min_size=1, max_size=3)


@given(SPANS, SPANS, st.integers(0, 31))
def test_numbers_within_others_are_admitted_by_them(one: list, other: list, value: int):
    """`within` never claims too much."""
    inner, outer = (numbers([f"{low}..{high}" for low, high in spans]) for spans in (one, other))
    assert not (inner.within(outer) and inner.admits(value)) or outer.admits(value)


@given(WORDS, WORDS, st.text("ab", max_size=4))
def test_texts_within_others_are_admitted_by_them(one: list[str], other: list[str], value: str):
    """The same for texts."""
    inner, outer = texts(one), texts(other)
    assert not (inner.within(outer) and inner.admits(value)) or outer.admits(value)
