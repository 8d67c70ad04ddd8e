"""The static embedding and its tokenizer."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from classifier.embed import HALF_CHARS, HALF_TOKENS, load_embedding, window
from classifier.wordpiece import COUNTED_CHARS

TEXT = st.text() | st.text(alphabet=st.characters(max_codepoint=127), max_size=200)


@pytest.fixture(scope="module")
def embedding():
    return load_embedding()


def test_embedding_is_what_it_was_when_artifacts_were_trained(embedding):
    """Golden values: a changed table, tokenizer or pooling shows before every artifact silently degrades."""
    first = embedding.vector("How do I sort a list in Python?")[:4]
    np.testing.assert_allclose(first, [-0.19672, -0.294902, 0.085547, -0.101817], atol=1e-5)


def test_likeness_orders_meanings(embedding):
    """Two ways of asking the same lie closer than two questions of different subjects."""
    ask, same, other = embedding.embed(["sort a python list", "python list sorting", "weather in Paris"])
    assert ask @ same > 0.7 > 0.3 > ask @ other


@given(text=TEXT)
@settings(max_examples=200, deadline=None)
def test_dictionary_splits_as_the_tokenizer_does(embedding, text):
    """The quick path gives exactly the ids of the tokenizers library, on any text."""
    wordpiece = embedding.wordpiece
    assert wordpiece.encode(text) == wordpiece._encode_any(text)


@given(
    words=st.lists(st.sampled_from(["sorting", "xqzzy", "abc123", "[PAD]", "don't", "a" * 120, "\x07b"]), max_size=9)
)
@settings(deadline=None)
def test_odd_words_split_as_the_tokenizer_does(embedding, words):
    """Unknown, overlong, special and control-ridden words too."""
    text = " ".join(words)
    assert embedding.wordpiece.encode(text) == embedding.wordpiece._encode_any(text)


@given(text=st.text())
@settings(max_examples=200, deadline=None)
def test_vectors_have_length_one_or_zero(embedding, text):
    """A unit vector, or zeros where nothing is known; finite either way."""
    size = float(np.linalg.norm(embedding.vector(text)))
    assert size == pytest.approx(1.0, abs=1e-3) or size == 0.0


def test_embed_is_rows_of_vector(embedding):
    """`embed` of several texts is float32 and equals each text alone; of none it is empty."""
    texts = ["one", "two three", ""]
    together = embedding.embed(texts)
    assert together.dtype == np.float32
    np.testing.assert_array_equal(together, [embedding.vector(text) for text in texts])
    assert embedding.embed([]).shape == (0, embedding.dim)


def test_only_head_and_tail_of_a_long_text_are_read(embedding):
    """A change in the middle of a long text changes nothing; one at the end does."""
    words = "alpha beta gamma " * 1000
    middle = len(words) // 2
    changed = words[:middle] + " zebra " + words[middle:]
    np.testing.assert_array_equal(embedding.vector(words), embedding.vector(changed))
    assert not np.array_equal(embedding.vector(words), embedding.vector(words + " zebra" * 50))
    assert len(window(words)) <= 2 * HALF_CHARS + 1
    assert len(embedding.ids("字" * 5000)) <= 2 * HALF_TOKENS


def test_count_of_a_long_text_is_scaled_from_samples(embedding):
    """Counting samples of an even text comes within 2 % of counting it all."""
    text = "the quick brown fox jumps over it " * (COUNTED_CHARS // 10)
    assert embedding.wordpiece.count(text) == pytest.approx(7 * (COUNTED_CHARS // 10), rel=0.02)
    assert embedding.wordpiece.count("two words") == 2
    assert embedding.wordpiece.count("") == 0
