"""The bound on the quality lost."""

import numpy as np
import pytest

from classifier.bound import chance_of, laxest


def test_the_chance_is_right_where_it_can_be_worked_out():
    """No loss in 100 rows where the true one is 5 %: 0.95 to the 100th."""
    assert chance_of(0.0, 100, 0.05) == pytest.approx(0.95**100)
    assert chance_of(0.05, 100, 0.05) == 1.0
    assert chance_of(0.0, 0, 0.05) == 1.0
    assert chance_of(0.4, 100, 1.0) == 0.0


def test_more_rows_show_more():
    """The same mean loss is shown to hold on 3,000 rows and not on 30."""
    assert chance_of(0.01, 30, 0.03) > 0.05 > chance_of(0.01, 3_000, 0.03)


def test_a_setting_that_loses_too_much_is_seldom_chosen():
    """Where the second setting's true loss is just over the limit, it is chosen in at most 5 % of data sets."""
    draw = np.random.default_rng(0)
    chosen = [laxest([np.zeros(500), (draw.uniform(size=500) < 0.051).astype(float)], 0.05) for _ in range(400)]
    assert sum(found.setting == 1 for found in chosen) / len(chosen) <= 0.05


def test_testing_stops_at_the_first_that_fails():
    """A laxer setting that happens to do well is not looked at."""
    asked = []

    def losses():
        for share in (0.0, 0.5, 0.0):
            asked.append(share)
            yield np.full(400, share)

    found = laxest(losses(), 0.05)
    assert found is not None and (found.setting, found.lost) == (0, 0.0)
    assert asked == [0.0, 0.5]
    assert laxest([np.full(10, 0.0)], 0.05) is None
