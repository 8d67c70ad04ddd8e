"""Training conversations: what counts in them and how they are batched."""

from itertools import islice
from random import Random

import pytest

from tiers.toys.batches import batches, encode
from tiers.toys.corpus import Corpus, questions
from tiers.toys.shape import TRAINED_TOKENS
from tiers.toys.template import BOS, END, render
from tiers.toys.tokens import train_tokenizer


@pytest.fixture(scope="module")
def tokenizer():
    items = questions("train", 300, seed=0)
    return train_tokenizer((render(i.messages, i.tools) + i.expected for i in items), 400)


def test_only_answers_count(tokenizer):
    """Exactly the answer and its end mark have weight, together the root of their number."""
    item = questions("train", 1, seed=0)[0]
    example = encode([item], tokenizer)
    weighted = [token for token, weight in zip(example.tokens, example.weights, strict=True) if weight]
    assert weighted == tokenizer.encode(item.expected + END).ids
    assert sum(example.weights) == pytest.approx(len(weighted) ** 0.5)


def test_turns_share_one_conversation(tokenizer):
    """Several questions make one conversation with one beginning, cut at the trained length."""
    example = encode(questions("train", 60, seed=0), tokenizer)
    assert example.tokens.count(tokenizer.token_to_id(BOS)) == 1
    assert len(example.tokens) == len(example.weights) == TRAINED_TOKENS


def test_batches_stay_within_their_tokens(tokenizer):
    """A batch with its padding is no larger than asked, and the same seed gives the same batches."""
    first, again = (list(islice(batches(Corpus(), tokenizer, Random(4), 2_048), 4)) for _ in range(2))
    assert all(max(len(e.tokens) for e in group) * len(group) <= 2_048 for group in first)
    assert first == again


def test_digits_are_tokens_of_their_own(tokenizer):
    """No token holds two digits, so that columns can be worked one by one."""
    assert not [token for token in tokenizer.get_vocab() if sum(letter.isdigit() for letter in token) > 1]
