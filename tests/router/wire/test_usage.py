"""Token counts as engines report them."""

import pytest

from router.wire.usage import largest, read_usage
from tiers.types import Usage


@pytest.mark.parametrize(
    ("said", "read"),
    [
        ({"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15}, Usage(10, 0, 5, 0)),
        (
            {
                "prompt_tokens": 10,
                "completion_tokens": 5,
                "prompt_tokens_details": {"cached_tokens": 8},
                "completion_tokens_details": {"reasoning_tokens": 3},
            },
            Usage(2, 8, 5, 3),
        ),
        (
            {"input_tokens": 10, "input_tokens_details": {"cached_tokens": 8}, "output_tokens": 5},
            Usage(2, 8, 5, 0),
        ),
        (
            {
                "input_tokens": 10,
                "cache_read_input_tokens": 8,
                "cache_creation_input_tokens": 4,
                "output_tokens": 5,
            },
            Usage(14, 8, 5, 0, cache_write=4),
        ),
        ({"prompt_tokens": 10, "completion_tokens": 5, "prompt_cache_hit_tokens": 6}, Usage(4, 6, 5, 0)),
        ({"prompt_tokens": 4, "total_tokens": 4}, Usage(4, 0, 0, 0)),
        (
            {
                "prompt_tokens": 10,
                "completion_tokens": 5,
                "completion_tokens_details": {"reasoning_tokens": 20},
                "total_tokens": 35,
            },
            Usage(10, 0, 25, 20),
        ),
    ],
    ids=["openai", "openai with details", "responses", "anthropic", "deepseek", "embeddings", "reasoning apart"],
)
def test_every_shape_becomes_disjoint_buckets(said, read):
    """Cached tokens are never also in `input`, whichever way the engine counts them."""
    assert read_usage(said) == read


@pytest.mark.parametrize(
    "said",
    [
        None,
        {},
        {"prompt_tokens": None},
        {"prompt_tokens": -1},
        {"prompt_tokens": "7"},
        {"total_tokens": 5},
        [],
    ],
)
def test_no_count_is_no_usage(said):
    """Absent is not zero: what counts nothing is read as None."""
    assert read_usage(said) is None


def test_nulls_and_nonsense_count_nothing():
    """Null details, more cached than prompt tokens, boolean, NaN and absurd counts do no harm."""
    details = {"prompt_tokens_details": None, "completion_tokens_details": {"reasoning_tokens": None}}
    assert read_usage({"prompt_tokens": 3, "completion_tokens": 4, **details}) == Usage(3, 0, 4, 0)
    more = {"prompt_tokens": 3, "prompt_tokens_details": {"cached_tokens": 9}, "completion_tokens": True}
    assert read_usage(more) == Usage(0, 3, 0, 0)
    assert read_usage({"prompt_tokens": 3.0, "completion_tokens": 10**30}) == Usage(3, 0, 0, 0)
    assert read_usage({"prompt_tokens": float("nan"), "completion_tokens": 2}) == Usage(0, 0, 2, 0)


def test_several_usages_of_one_stream_are_their_maximum():
    """Cumulative repeats and counts split over chunks give the same: the largest of each field."""
    first = {"prompt_tokens": 9, "completion_tokens": 1, "prompt_tokens_details": {"cached_tokens": 4}}
    last = {"prompt_tokens": 0, "completion_tokens": 7, "prompt_tokens_details": {"cached_tokens": None}}
    merged = {"prompt_tokens": 9, "completion_tokens": 7, "prompt_tokens_details": {"cached_tokens": 4}}
    assert largest(first, last) == largest(last, first) == merged
    assert (largest(None, last), largest(first, None), largest(None, None)) == (last, first, None)
    assert largest({"prompt_tokens_details": None}, first) == first
