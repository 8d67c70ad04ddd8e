"""The scorecard, case by case: a whole answer or a clear error, and what the ledger knows of it."""

import asyncio

import pytest

from tests.faults.cases import CASES
from tests.faults.flapping import flap
from tests.faults.row import Row
from tests.faults.scorecard import play_all

# aiohttp says so of the one body of 6 MB; what it blocks the loop for is in that case's seconds.
pytestmark = pytest.mark.filterwarnings("ignore:Sending a large body:ResourceWarning")


@pytest.fixture(scope="module")
def card(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Row]:
    rows = asyncio.run(play_all(tmp_path_factory.mktemp("card")))
    return {row.case: row for row in rows}


@pytest.mark.parametrize("name", [case.name for case in CASES])
def test_case(card, name):
    """No hang, no truncated success, nothing that the case does not say."""
    assert card[name].surprise == "", card[name]


def test_no_case_is_played_twice():
    """A row is found by its case's name."""
    assert len({case.name for case in CASES}) == len(CASES)


async def test_a_primary_that_flaps_for_a_minute(tmp_path):
    """Every answer is whole, the circuit spares the primary most of its bad times, and it serves again in 30 s."""
    row = await flap(tmp_path / "flap")
    assert row.surprise == "", row
