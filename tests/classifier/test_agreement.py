"""Agreement: what two answers come to, not how they put it."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from classifier.agreement import agreement, choice, number

LONG = "The committee approved the budget because revenue had grown steadily over the last quarter and costs had not. "


def embed_words(texts):
    """Unit vectors by which words a text has: enough of a meaning for a test."""
    words = sorted({word for text in texts for word in text.lower().split()})
    counts = np.array([[text.lower().split().count(word) for word in words] for text in texts], dtype=np.float32)
    return counts / np.linalg.norm(counts, axis=1, keepdims=True)


@pytest.mark.parametrize(
    ("first", "second", "agrees", "kind"),
    [
        ("Let's see. The answer is (B).", "B", True, "choice"),
        ("The answer is (B). No: the answer is (C).", "The answer is (B).", False, "choice"),
        ("**Answer: D**", "(D) because of gravity", True, "choice"),
        ("So 6 * 7 = 42. #### 42", "The answer is 42.0", True, "number"),
        ("It costs $1,200.", "1200", True, "number"),
        ("The result is -3", "The result is 3", False, "number"),
        ("Paris", "the answer is paris.", True, "exact"),
        ("Paris", "Lyon", False, "exact"),
        ("", "", False, None),
        ("...", "...", False, None),
        (LONG, LONG.replace("steadily", "strongly"), True, "meaning"),
        (LONG + "It was 1999.", LONG + "It was 2001.", False, "meaning"),
        (LONG, "A completely different text about cooking rice in a large pot over a small fire for an hour or more.",
         False, "meaning"),
    ],
)  # fmt: skip
def test_answers_are_compared_by_what_they_come_to(first, second, agrees, kind):
    """Choices by letter, numbers by value, short answers by words, open text by meaning; both ways round."""
    for one, other in ((first, second), (second, first)):
        found = agreement(one, other, embed_words)
        assert (found.agrees, found.kind) == (agrees, kind)


@given(text=st.text(max_size=200))
def test_any_answer_can_be_compared(text):
    """No text is too odd; an answer with words agrees with itself."""
    found = agreement(text, text)
    assert found.agrees or found.kind is None


def test_what_settles_nothing_is_none():
    """A letter in the middle of a sentence is no choice, and several numbers are no number."""
    assert choice("I would say that A and B are both plausible readings of this.") is None
    assert number("between 3 and 5") is None
