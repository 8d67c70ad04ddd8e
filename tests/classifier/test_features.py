"""The surface features."""

import hashlib

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from classifier import features
from classifier.features import NAMES, surface
from classifier.types import Question

# REVISION 1. Where this fails, features changed: raise REVISION, train the bundled artifacts again, put the new hash.
DEFINITION = "4538d0ced0152c5e"


def feature(text, name, **facts):
    return surface(Question(text, **facts))[NAMES.index(name)]


def test_features_are_those_of_their_revision():
    """The definition cannot change without its revision: artifacts trained before would be read wrongly."""
    parts = (features.REVISION, NAMES, features._SHARES, features._COUNTS, features._CUES)
    assert hashlib.sha256(repr(parts).encode()).hexdigest()[:16] == DEFINITION


@given(
    text=st.text(),
    turns=st.integers(-1, 10**9),
    prompt_tokens=st.integers(-1, 10**9),
    max_tokens=st.none() | st.integers(-1, 10**9),
)
@settings(deadline=None)
def test_features_are_finite_for_any_request(text, turns, prompt_tokens, max_tokens):
    """One finite number for each name, whatever is asked."""
    found = surface(Question(text, turns=turns, prompt_tokens=prompt_tokens, max_tokens=max_tokens))
    assert found.shape == (len(NAMES),)
    assert np.isfinite(found).all()


def test_cues_match_words_and_phrases():
    """A cue is found as a word of its own or as a phrase, in any case, and not inside another word."""
    assert feature("Explain: how tides work", "cue_explain") == 1
    assert feature("Please answer YES OR NO.", "cue_brief") == 1
    assert feature("The unexplained wherefore", "cue_explain") == 0
    assert feature("```\nx = 1\n```", "cue_code_given") == 1


def test_numbers_are_counted_and_measured():
    """How many numbers there are, and the digits of the longest."""
    assert feature("What is 837 + 28?", "log_numbers") == np.float32(np.log1p(2))
    assert feature("What is 837 + 28?", "longest_number") == 3
    assert feature("nothing", "longest_number") == 0


def test_what_the_caller_says_is_a_feature():
    """Tools, JSON, code and the limit of tokens reach the heads."""
    assert feature("x", "given_tools", has_tools=True) == 1
    assert feature("x", "given_json", wants_json=True) == 1
    assert feature("x", "given_code", has_code=True) == 1
    assert feature("x", "given_max", max_tokens=5) == 1
    assert feature("x", "given_max") == 0
