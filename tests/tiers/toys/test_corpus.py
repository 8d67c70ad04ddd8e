"""The corpus: drawn from a seed, in splits that share nothing, every expected answer judged right."""

from itertools import combinations, pairwise

import pytest

from tiers.toys.corpus import SPLITS, questions, split_of
from tiers.toys.judge import judge

SAMPLE = 800


@pytest.fixture(scope="module")
def drawn():
    return {split: questions(split, SAMPLE, seed=1) for split in SPLITS}


def test_the_same_seed_draws_the_same_questions(drawn):
    """A benchmark can be repeated from its seed alone."""
    assert questions("test", SAMPLE, seed=1) == drawn["test"]


def test_another_seed_draws_other_questions(drawn):
    """The seed matters."""
    assert questions("test", SAMPLE, seed=2) != drawn["test"]


def test_no_question_is_in_two_splits(drawn):
    """Neither a conversation nor what its wordings share appears in two splits."""
    for one, other in combinations(SPLITS, 2):
        assert not {str(i.messages) for i in drawn[one]} & {str(i.messages) for i in drawn[other]}
        assert not {i.key for i in drawn[one]} & {i.key for i in drawn[other]}


def test_questions_of_a_draw_differ(drawn):
    """No conversation is counted twice."""
    for items in drawn.values():
        assert len({str(item.messages) for item in items}) == SAMPLE


def test_every_key_lies_in_the_split_that_drew_it(drawn):
    """The split is a function of the key alone."""
    assert all(split_of(item.key) == split for split, items in drawn.items() for item in items)


def test_operands_of_a_split_are_unseen_in_every_wording(drawn):
    """A sum of the test split is in no other wording in training."""
    sums = {item.key for item in drawn["test"] if item.family.startswith("arithmetic") and item.difficulty > 2}
    assert sums
    assert not sums & {item.key for item in questions("train", 5_000, seed=3)}


def test_all_families_and_difficulties_are_drawn(drawn):
    """Every split has easy and hard questions of all eight families."""
    families = {"arithmetic", "fact", "words", "explain", "list", "json", "tool", "chat"}
    for items in drawn.values():
        assert {item.family.split(".")[0] for item in items} == families
        assert {item.difficulty for item in items} == {1, 2, 3, 4, 5}


def test_the_expected_answer_is_right(drawn):
    """The judge gives full marks to what training teaches."""
    assert all(judge(item, item.expected) == 1.0 for items in drawn.values() for item in items)


def test_an_answer_to_something_else_is_not_right(drawn):
    """An answer with other content than the expected one never gets full marks."""
    items = drawn["test"]
    for item, other in pairwise(items):
        if item.family != other.family:
            assert judge(item, f"{other.expected} and 7919 more") < 1.0


def test_a_negative_number_of_questions_is_refused():
    """The error names what was found and what is allowed."""
    with pytest.raises(ValueError, match="found -1, allowed 0 or more"):
        questions("test", -1, seed=0)
