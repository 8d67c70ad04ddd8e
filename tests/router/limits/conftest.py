"""A Redis for all tests of limits, each with names of its own in it."""

from collections.abc import Iterator
from itertools import count

import pytest

from tests.redis.server import Server, server

_names = count()


@pytest.fixture(scope="session")
def redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with server(tmp_path_factory.mktemp("redis")) as running:
        yield running


@pytest.fixture
def prefix() -> str:
    """What a test's keys begin with."""
    return f"test-{next(_names)}"
