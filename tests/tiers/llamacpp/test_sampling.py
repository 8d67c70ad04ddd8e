"""The sampler: that it draws from the distribution that was asked for."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from tiers.llamacpp.sampling import Normaliser, Sampler, Sampling, best

DRAWS = 4000
ROW = np.log(np.array([0.5, 0.25, 0.125, 0.0625, 0.0625], np.float32))
ROWS = npst.arrays(np.float32, st.integers(1, 700), elements=st.floats(-50, 50, width=32))


def frequencies(**settings: object) -> np.ndarray:
    sampler = Sampler(Sampling(**{"seed": 7, **settings}), choice=0, prompt=[])
    drawn = [sampler.choose(ROW) for _ in range(DRAWS)]
    return np.bincount(drawn, minlength=ROW.size) / DRAWS


def close(measured: np.ndarray, wanted: list[float]) -> bool:
    return bool(np.allclose(measured, wanted, atol=4 * np.sqrt(0.25 / DRAWS)))


@pytest.mark.parametrize(
    ("settings", "wanted"),
    [
        ({}, [0.5, 0.25, 0.125, 0.0625, 0.0625]),
        ({"temperature": 0.5}, [64 / 86, 16 / 86, 4 / 86, 1 / 86, 1 / 86]),
        ({"top_k": 2}, [2 / 3, 1 / 3, 0, 0, 0]),
        ({"top_p": 0.7}, [2 / 3, 1 / 3, 0, 0, 0]),
        ({"top_p": 0.0}, [1, 0, 0, 0, 0]),
        ({"min_p": 0.2}, [4 / 7, 2 / 7, 1 / 7, 0, 0]),
        ({"top_k": 3, "top_p": 0.6}, [2 / 3, 1 / 3, 0, 0, 0]),
        ({"temperature": 0}, [1, 0, 0, 0, 0]),
    ],
)
def test_draws_follow_the_distribution_that_was_asked_for(settings, wanted):
    """Over many draws each token comes as often as its probability after temperature and truncation."""
    assert close(frequencies(**settings), wanted)


def test_a_seed_decides_every_draw_and_a_choice_number_changes_it():
    """Two samplers with one seed agree; another choice of the same request draws for itself."""

    def draws(seed: int, choice: int) -> list[int]:
        sampler = Sampler(Sampling(seed=seed), choice=choice, prompt=[])
        return [sampler.choose(ROW) for _ in range(30)]

    assert draws(3, 0) == draws(3, 0)
    assert draws(3, 0) != draws(3, 1)
    assert draws(-4, 0) == draws(-4, 0)


def test_a_wide_nucleus_is_found_beyond_the_first_look():
    """top_p near 1 over a flat distribution keeps nearly all tokens, not only the first few hundred."""
    row = np.zeros(2048, np.float32)
    sampler = Sampler(Sampling(seed=1, top_p=0.9), choice=0, prompt=[])
    drawn = {sampler.choose(row) for _ in range(600)}
    assert len(drawn) > 300


def test_penalties_and_bias_change_scores_as_the_api_says():
    """Presence once, frequency per time said, repetition divides or multiplies, bias adds."""
    settings = Sampling(presence_penalty=0.5, frequency_penalty=0.25, logit_bias=((3, 2.0),))
    sampler = Sampler(settings, choice=0, prompt=[0])
    for token in (1, 1, 2):
        sampler.accept(token)
    adjusted = sampler.adjust(np.zeros(5, np.float32))
    assert adjusted.tolist() == [0.0, -1.0, -0.75, 2.0, 0.0]


def test_the_repetition_penalty_also_counts_the_prompt():
    """Positive scores are divided and negative ones multiplied, for prompt and answer alike."""
    sampler = Sampler(Sampling(repetition_penalty=2.0), choice=0, prompt=[0])
    sampler.accept(1)
    adjusted = sampler.adjust(np.array([1.0, -1.0, 1.0], np.float32))
    assert adjusted.tolist() == [0.5, -2.0, 1.0]


def test_the_row_itself_is_never_changed():
    """The engine's memory stays as it was, for the log-probabilities are read from it."""
    row = ROW.copy()
    sampler = Sampler(Sampling(presence_penalty=1.0, logit_bias=((0, -100.0),)), choice=0, prompt=[])
    sampler.accept(1)
    sampler.choose(sampler.adjust(row))
    assert (row == ROW).all()


@given(ROWS, st.integers(1, 30))
def test_best_gives_the_highest_scores_in_order(row, count):
    """The shortcut over columns finds what a full sort finds."""
    assert row[best(row, count)].tolist() == sorted(row.tolist(), reverse=True)[:count]


@given(ROWS)
def test_log_probabilities_sum_to_one(row):
    """Subtracting the log total from every score gives a distribution."""
    total = Normaliser(row.size).log_total(row, float(row.max()))
    assert np.exp(row.astype(np.float64) - total).sum() == pytest.approx(1.0, abs=1e-4)
