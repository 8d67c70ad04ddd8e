"""The cache of exact repeats."""

import pytest

from router.cache.exact import Entry, ExactCache
from tiers.types import Usage


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def entry(body: bytes = b"{}", team: str = "") -> Entry:
    return Entry(body, "edge", "m", Usage(input=3, output=4), 70, team=team)


def test_what_was_put_is_got(clock):
    """The same answer comes back, with the time at which it was stored."""
    cache = ExactCache(10_000, clock)
    clock.now = 5.0
    assert cache.put(b"k", entry(b'{"a":1}'), ttl_s=60)
    got = cache.get(b"k")
    assert (got.body, got.usage, got.cost_nusd, got.stored_at) == (
        b'{"a":1}',
        Usage(input=3, output=4),
        70,
        5.0,
    )
    assert cache.get(b"other") is None


def test_an_answer_is_gone_when_its_time_is_over(clock):
    """From `ttl_s` seconds on it is neither served nor kept."""
    cache = ExactCache(10_000, clock)
    cache.put(b"k", entry(), ttl_s=60)
    clock.now = 59.9
    assert cache.get(b"k") is not None
    clock.now = 60.0
    assert cache.get(b"k") is None
    assert (len(cache), cache.size_bytes) == (0, 0)


def test_the_least_recently_used_goes_first(clock):
    """Room is made by dropping what nobody asked for the longest."""
    cache = ExactCache(3 * 1_700, clock)
    for key in (b"a", b"b", b"c"):
        cache.put(key, entry(bytes(1_000)), ttl_s=60)
    cache.get(b"a")
    cache.put(b"d", entry(bytes(1_000)), ttl_s=60)
    assert [key for key in (b"a", b"b", b"c", b"d") if cache.get(key)] == [b"a", b"c", b"d"]
    assert cache.evicted == 1


def test_it_never_holds_more_than_its_limit(clock):
    """Whatever is put, the bytes stay within the limit."""
    cache = ExactCache(20_000, clock)
    for number in range(200):
        cache.put(str(number).encode(), entry(bytes(number * 37 % 5_000)), ttl_s=60)
        assert cache.size_bytes <= 20_000
    assert len(cache) > 2


def test_what_is_too_large_pushes_nothing_out(clock):
    """An answer larger than the whole cache is not kept, and neither is an older one under its key."""
    cache = ExactCache(2_000, clock)
    cache.put(b"a", entry(), ttl_s=60)
    cache.put(b"b", entry(), ttl_s=60)
    assert not cache.put(b"b", entry(bytes(2_000)), ttl_s=60)
    assert cache.get(b"a") is not None
    assert cache.get(b"b") is None


def test_a_new_answer_takes_the_old_one_s_place(clock):
    """Putting under a key again replaces and does not add."""
    cache = ExactCache(10_000, clock)
    cache.put(b"k", entry(b"old", team="a"), ttl_s=60)
    size = cache.size_bytes
    cache.put(b"k", entry(b"new", team="b"), ttl_s=60)
    assert cache.get(b"k").body == b"new"
    assert (len(cache), cache.size_bytes) == (1, size)
    assert cache.forget("a") == 0


def test_a_team_s_answers_can_be_forgotten(clock):
    """All of one team's, and nobody else's."""
    cache = ExactCache(100_000, clock)
    for number in range(4):
        cache.put(bytes([number]), entry(team="a" if number % 2 else "b"), ttl_s=60)
    assert cache.forget("a") == 2
    assert [cache.get(bytes([number])) is None for number in range(4)] == [False, True, False, True]
    assert cache.forget("a") == 0
