"""Rows of a ledger, with everything given that a test does not care about."""

import logging
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from router.ledger import Ledger, RequestRow, Reservation, Settlement

_RESERVATION = Reservation(
    attempt_id="a1", request_id="r1", seq=1, kind="primary", tier="edge", replica="local", model="m",
    started_ns=1_000, team="search", cost_nusd=50, price_version="p1",
)  # fmt: skip
_SETTLEMENT = Settlement(
    attempt_id="a1", ended_ns=2_000, end="ok", status=200, input_tokens=7, cached_input_tokens=2,
    output_tokens=3, reasoning_tokens=1, estimated=False, cost_nusd=40, price_version="p1",
)  # fmt: skip
_REQUEST = RequestRow(
    request_id="r1", started_ns=1_000, ended_ns=3_000, path="/v1/chat/completions", client_model="auto",
    policy="default", decision="classified", tier="edge", model="m", status=200, cache="miss", attempts=1,
    stream=False, input_tokens=7, cached_input_tokens=2, output_tokens=3, reasoning_tokens=1,
    estimated=False, cost_nusd=40, team="search",
)  # fmt: skip


@pytest.fixture
def reservation() -> Callable[..., Reservation]:
    return lambda attempt="a1", **given: replace(_RESERVATION, attempt_id=attempt, **given)


@pytest.fixture
def settlement() -> Callable[..., Settlement]:
    return lambda attempt="a1", **given: replace(_SETTLEMENT, attempt_id=attempt, **given)


@pytest.fixture
def request_row() -> Callable[..., RequestRow]:
    return lambda request="r1", **given: replace(_REQUEST, request_id=request, **given)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "ledger.db"


@pytest.fixture
def ledger(path: Path) -> Iterator[Ledger]:
    opened = Ledger.open(path)
    yield opened
    opened.close()


class Heard(logging.Handler):
    """Waits for a message of the ledger's writer, which is how a test knows where its thread is."""

    def __init__(self, words: str) -> None:
        super().__init__()
        self._words = words
        self._said = threading.Event()

    def emit(self, record: logging.LogRecord) -> None:
        if self._words in record.getMessage():
            self._said.set()

    def wait(self) -> bool:
        return self._said.wait(10)


@pytest.fixture
def failure_heard() -> Iterator[Heard]:
    log, heard = logging.getLogger("router.ledger.writer"), Heard("cannot be written")
    log.addHandler(heard)
    yield heard
    log.removeHandler(heard)
