"""Cache keys, whatever the request."""

import random

from hypothesis import assume, given, settings
from hypothesis import strategies as st

from router.cache.exact import Entry, ExactCache
from router.cache.key import NOT_IN_KEY, key
from tiers.types import Usage

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
VALUES = st.recursive(
    st.booleans() | st.integers(-(2**60), 2**60) | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=4,
)
BODIES = st.dictionaries(TEXT | st.sampled_from(["model", "messages", "seed", "stop"]), VALUES, max_size=6)
NAMES = st.sampled_from(["", "a", "b", "team:a", "team:b", 'a","b'])


@settings(max_examples=50)
@given(BODIES, st.randoms(use_true_random=False), st.dictionaries(st.sampled_from(sorted(NOT_IN_KEY)), VALUES))
def test_a_repeat_always_hits(body, chance, extra):
    """Members in another order and fields that do not change the answer give the same key."""
    members = list({**body, **extra}.items())
    random.Random(chance.random()).shuffle(members)
    plain = {name: value for name, value in body.items() if name not in NOT_IN_KEY}
    assert key("a", "/v1", "p", dict(members)) == key("a", "/v1", "p", plain)


@given(BODIES, st.tuples(NAMES, NAMES, NAMES), st.tuples(NAMES, NAMES, NAMES))
def test_whose_what_and_by_which_policy_are_never_confused(body, one, other):
    """Keys are equal only where scope, path and policy all are."""
    assert (key(*one, body) == key(*other, body)) == (one == other)


@settings(max_examples=50)
@given(BODIES, TEXT, VALUES, VALUES)
def test_any_other_field_is_in_the_key(body, name, one, other):
    """Two values of a field give two keys, unless JSON itself makes no difference between them."""
    assume(name not in NOT_IN_KEY | {"n", "presence_penalty", "frequency_penalty"})
    assume(repr(one) != repr(other) and one != other)
    assert key("a", "/v1", "p", {**body, name: one}) != key("a", "/v1", "p", {**body, name: other})


REQUESTS = st.lists(st.tuples(st.sampled_from("ab"), st.sampled_from(["x", "y", "z"])), max_size=60)


@given(REQUESTS, st.integers(0, 5_000))
def test_no_tenant_is_ever_given_another_s_answer(requests, max_bytes):
    """Two teams asking the same questions, in any order and with any room, get only what was theirs."""
    cache = ExactCache(max_bytes, lambda: 0.0)
    for team, question in requests:
        place = key(f"team:{team}", "/v1/chat/completions", "default", {"messages": question})
        hit = cache.get(place)
        assert hit is None or (hit.team, hit.body) == (team, f"{team}{question}".encode())
        cache.put(place, Entry(f"{team}{question}".encode(), "edge", "m", Usage(), 1, team=team), ttl_s=60)
        assert cache.size_bytes <= max_bytes
