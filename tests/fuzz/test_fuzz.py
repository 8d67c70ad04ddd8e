"""A few seconds of fuzzing; `python -m tests.fuzz --examples 20000` goes on for longer."""

import os
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.fuzz.bodies import BODIES, HEADERS, PATHS, POSTED
from tests.fuzz.streams import CUTS, STREAMS, pieces, read
from tests.fuzz.surface import Surface, check, encoded, surface
from tiers.errors import TierError

EXAMPLES = int(os.environ.get("FUZZ_EXAMPLES", "0"))
TOLERANT = {"deadline": None, "suppress_health_check": list(HealthCheck)}


@pytest.fixture(scope="module")
def asked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Surface]:
    with surface(tmp_path_factory.mktemp("fuzz")) as made:
        yield made


@settings(max_examples=EXAMPLES or 100, **TOLERANT)
@given(st.sampled_from(POSTED), BODIES, HEADERS)
def test_any_json_is_answered(asked, path, body, headers):
    """No 500, no hang, errors in one shape."""
    check(asked.post(path, encoded(body), headers))


@settings(max_examples=EXAMPLES or 30, **TOLERANT)
@given(st.sampled_from(POSTED), st.binary(max_size=60), HEADERS)
def test_any_bytes_are_answered(asked, path, body, headers):
    """The same for bytes that are no JSON."""
    check(asked.post(path, body, headers))


@settings(max_examples=EXAMPLES or 30, **TOLERANT)
@given(st.sampled_from(PATHS), st.text("/.%?&=a0-\\", max_size=8), HEADERS)
def test_any_path_is_answered(asked, path, more, headers):
    """Known paths with anything behind them."""
    check(asked.get(path + more, headers))


def test_it_lives_on(asked):
    """After all of that a plain request is answered, and nothing is left in flight."""
    asked.lives()


@settings(max_examples=EXAMPLES or 200, **TOLERANT)
@given(STREAMS, CUTS, st.booleans(), st.sampled_from(["", "anew", "on"]))
def test_any_stream_is_whole_or_an_error(events, cuts, plain, join):
    """An engine may send what it likes: the end is a whole answer or a TierError, gone on with or not."""
    got = read(pieces(events, cuts), plain=plain, join=join)
    assert isinstance(got, bytes | TierError)
