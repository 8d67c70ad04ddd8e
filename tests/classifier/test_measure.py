"""Figures of merit, against what can be worked out by hand."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from classifier.measure import aiq, apgr, calibration_error, cpt, gap_curve, hull, log_loss

CHEAP = np.array([1.0, 0.0, 0.0, 1.0])
DEAR = np.array([1.0, 1.0, 0.0, 1.0])


def test_chance_recovers_half_the_gap():
    """With nothing to tell requests apart the gap is recovered in proportion: APGR 0.5, CPT50 a half."""
    curve = gap_curve(np.zeros(4), CHEAP, DEAR)
    assert apgr(curve) == pytest.approx(0.5)
    assert cpt(curve, 0.5) == 0.5


def test_the_right_request_first_recovers_it_all_at_once():
    """Sending first the one request that gains: by hand 1/8 + 3/4, all recovered after a quarter of the calls."""
    curve = gap_curve(DEAR - CHEAP, CHEAP, DEAR)
    assert curve.tolist() == [0, 1, 1, 1, 1]
    assert apgr(curve) == pytest.approx(0.875)
    assert cpt(curve, 0.8) == 0.25


def test_without_a_gap_there_is_nothing_to_recover():
    """A dearer tier that is no better has no curve, rather than a curve divided by zero."""
    assert gap_curve(np.arange(4.0), DEAR, DEAR) is None
    assert gap_curve(np.arange(4.0), DEAR, CHEAP) is None


@given(seed=st.integers(0, 1000))
@settings(deadline=None)
def test_a_score_and_its_reverse_sum_to_one(seed):
    """Ranking backwards loses what ranking gains: the two areas sum to 1, ties or not."""
    draw = np.random.default_rng(seed)
    score = draw.integers(0, 5, 40).astype(float)
    cheap = draw.integers(0, 2, 40).astype(float)
    dear = np.maximum(cheap, draw.integers(0, 2, 40))
    dear[0], cheap[0] = 1.0, 0.0
    assert apgr(gap_curve(score, cheap, dear)) + apgr(gap_curve(-score, cheap, dear)) == pytest.approx(1.0)


@given(points=arrays(float, st.tuples(st.integers(1, 12), st.just(2)), elements=st.floats(0, 1, width=16)))
@settings(deadline=None)
def test_hull_rises_ever_less_and_lies_above_all_points(points):
    """The hull is increasing and concave, made of points, and no point lies above it."""
    line = hull(points)
    steps = np.diff(line, axis=0)
    assert (steps > 0).all()
    slopes = steps[:, 1] / steps[:, 0]
    assert (np.diff(slopes) <= 1e-9 + 1e-9 * slopes[:-1]).all()
    reached = points[:, 0] >= line[0, 0]
    assert (np.interp(points[reached, 0], line[:, 0], line[:, 1]) >= points[reached, 1] - 1e-9).all()


def test_aiq_is_the_mean_height_over_the_budgets():
    """A straight line from 0.4 to 0.8 averages 0.6; what is reached early counts to the end."""
    assert aiq(np.array([[0.0, 0.4], [1.0, 0.8]]), 0.0, 1.0) == pytest.approx(0.6)
    assert aiq(np.array([[0.0, 0.8], [1.0, 0.4]]), 0.0, 1.0) == pytest.approx(0.8)


def test_calibration_error_is_the_distance_from_the_truth():
    """Right on average in every bin is 0; always 0.9 where half is right is 0.4."""
    labels = np.tile([0.0, 1.0], 50)
    assert calibration_error(np.full(100, 0.5), labels) == pytest.approx(0.0)
    assert calibration_error(np.full(100, 0.9), labels) == pytest.approx(0.4)


def test_log_loss_of_a_coin_is_ln_two():
    """And certainty that is wrong costs a finite lot."""
    assert log_loss(np.full(2, 0.5), np.array([0.0, 1.0])) == pytest.approx(np.log(2))
    assert np.isfinite(log_loss(np.array([0.0]), np.array([1.0])))
