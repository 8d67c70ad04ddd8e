"""The outcome and length heads."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from classifier.fit import platt
from classifier.head import OutcomeHead, tier_pairs
from classifier.length import LengthHead

NUMBER = st.floats(-50, 50, width=32)


def inputs(columns):
    return arrays(np.float32, st.tuples(st.integers(0, 4), st.just(columns)), elements=NUMBER)


@given(x=inputs(3), weights=arrays(np.float32, (6, 3), elements=NUMBER), bias=arrays(np.float32, 6, elements=NUMBER))
@settings(deadline=None)
def test_outcomes_are_probabilities_that_can_hold_together(x, weights, bias):
    """Every gain lies within what the two qualities allow (Frechet), so differences of quality agree with it."""
    quality, gain = OutcomeHead(("a", "b", "c"), bias, weights=weights).outcomes(x)
    assert quality.shape == (len(x), 3)
    assert gain.shape == (len(x), 3)
    assert ((quality >= 0) & (quality <= 1)).all()
    for column, (cheaper, dearer) in enumerate([(0, 1), (0, 2), (1, 2)]):
        low, high = quality[:, cheaper], quality[:, dearer]
        assert (gain[:, column] >= np.maximum(high - low, 0) - 1e-6).all()
        assert (gain[:, column] <= np.minimum(high, 1 - low) + 1e-6).all()


def test_pairs_are_cheaper_then_dearer():
    """Pairs follow the order of the tiers."""
    assert tier_pairs(("edge", "short", "long")) == (("edge", "short"), ("edge", "long"), ("short", "long"))


@given(
    x=inputs(3),
    weights=arrays(np.float32, (2, 3), elements=NUMBER),
    bias=arrays(np.float32, 2, elements=NUMBER),
    steps=st.tuples(NUMBER, NUMBER).map(sorted),
)
@settings(deadline=None)
def test_length_quantiles_are_ordered_and_at_least_one_token(x, weights, bias, steps):
    """1 <= P50 <= P90, finite, for any inputs and coefficients."""
    tokens = LengthHead(weights, bias, np.array(steps, dtype=np.float32)).quantiles(x)
    assert tokens.shape == (len(x), 2)
    assert np.isfinite(tokens).all()
    assert (tokens >= 1).all()
    assert (tokens[:, 0] <= tokens[:, 1]).all()


@given(labels=st.lists(st.booleans(), min_size=30, max_size=30).filter(lambda found: 0 < sum(found) < 30))
@settings(deadline=None)
def test_calibration_is_monotone(labels):
    """Whatever the labels, calibration never turns a higher logit into a lower probability."""
    slope, _ = platt(np.linspace(-2.0, 2.0, 30), np.array(labels) * 0.98 + 0.01)
    assert slope > 0
