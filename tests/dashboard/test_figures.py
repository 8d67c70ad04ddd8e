"""Figures, periods and the forecast: what people read, and what it is reckoned from."""

from hypothesis import given
from hypothesis import strategies as st

from router.dashboard.figures import change, show, show_change
from router.dashboard.forecast import forecast
from router.dashboard.state import DAY_S, PERIODS, read_state
from router.dashboard.svg import flow, spark

NOW = 1_795_260_048.0  # Saturday 21 November 2026, 11:20:48 UTC


def test_figures_as_people_read_them():
    """Digits that matter, units in place, unknown a dash, minus a minus sign."""
    said = {
        (0.0, "usd"): "$0.00", (1234.5, "usd"): "$1,234.50", (0.000_000_38, "usd"): "$0.000000380",
        (0.0594, "usd"): "$0.0594", (-2.5, "usd"): "\N{MINUS SIGN}$2.50", (None, "usd"): "\N{EN DASH}",
        (12_345, "count"): "12.3k", (9_999, "count"): "9,999", (1_500_000, "tokens"): "1.5M",
        (0.5, "share"): "50.0 %", (1.0, "share"): "100 %", (0.012, "seconds"): "12 ms", (3.0, "seconds"): "3.00 s",
        (NOW, "hour"): "21 Nov 11:20", (True, "flag"): "yes",
    }  # fmt: skip
    assert {key: show(*key) for key in said} == said


@given(st.floats(min_value=1e-9, max_value=1e12), st.sampled_from(["usd", "count", "share", "seconds"]))
def test_what_is_something_is_never_shown_as_nothing(value, unit):
    """However small a figure is, it has a digit other than 0 or says that it is below one."""
    text = show(value, unit)
    assert any(digit in text for digit in "123456789") or "<" in text or value < 0.05


def test_changes_say_their_sign():
    """A word with a sign; nothing to compare with is said."""
    assert show_change(change(3, 2)) == "+50.0 %"
    assert show_change(change(1, 2)) == "\N{MINUS SIGN}50.0 %"
    assert show_change(change(1, 0)) == "no earlier period"
    assert show_change(change(None, 5)) == "no earlier period"


def test_a_period_is_compared_with_whole_days_before():
    """The period before has the same length and the same hours of the day; of a month it is the last month."""
    for name in PERIODS:
        period = read_state({"period": name}, NOW).period
        before = period.before
        assert before.until - before.since == period.until - period.since
        assert (period.since - before.since) % DAY_S == 0
        assert before.until <= period.until
        assert period.since <= NOW < period.until
    assert show(read_state({"period": "month"}, NOW).period.before.since, "hour") == "1 Oct 00:00"


def test_an_address_is_read_and_written_again():
    """Filters, period and choices stand in the query; a change drops or replaces one."""
    state = read_state({"team": "a b&c", "tag.w": "x", "by": "tier", "period": "30d", "nonsense!": "1"}, NOW)
    assert state.filters == {"team": "a b&c", "tag.w": "x"}
    again = state.query(team=None, by="model")
    assert again == "?period=30d&tag.w=x&by=model"


@given(st.lists(st.floats(0, 1e6), min_size=3, max_size=40), st.floats(0, 1e7), st.floats(0, 1), st.integers(1, 31))
def test_a_forecast_never_goes_back(past, spent, left, days):
    """Never below what is spent, always low <= middle <= high, and each later day no less than the one before."""
    made = forecast(past, spent, left, [day % 7 for day in range(days)])
    assert made is not None
    assert len(made.middle) == days
    assert all(low >= spent for low in made.low)
    assert all(a <= b + 1e-6 <= c + 2e-6 for a, b, c in zip(made.low, made.middle, made.high, strict=True))
    assert all(b >= a - 1e-6 for a, b in zip(made.middle, made.middle[1:], strict=False))


def test_a_forecast_knows_the_week():
    """Days that cost the same each week are foretold exactly, with no band; two days are too few."""
    week = [10.0, 10, 10, 10, 10, 2, 2]  # Monday first
    made = forecast(week * 4, 0.0, 1.0, [0, 1, 2, 3, 4, 5, 6])
    assert made is not None
    assert round(made.middle[-1], 6) == sum(week)
    assert round(made.high[-1] - made.low[-1], 6) == 0
    assert forecast([1.0, 2.0], 0.0, 1.0, [0]) is None


@given(st.dictionaries(st.tuples(st.sampled_from("abc"), st.sampled_from("xyz")), st.integers(0, 1000)))
def test_a_flow_keeps_every_request(links):
    """The blocks on each side add up to all requests, and stay inside the drawing."""
    drawn = flow(links)
    if not sum(links.values()):
        assert drawn is None
        return
    assert drawn is not None
    assert sum(n.count for n in drawn.nodes if n.last) == sum(n.count for n in drawn.nodes if not n.last)
    assert sum(n.count for n in drawn.nodes if n.last) == sum(links.values())
    assert all(0 <= node.y <= drawn.height + 3 for node in drawn.nodes)


def test_a_sparkline_needs_two_values():
    """One value, or nothing but 0, has no line."""
    assert spark([1]) is None
    assert spark([0, 0, None]) is None
    assert spark([1, None, 3]) is not None
