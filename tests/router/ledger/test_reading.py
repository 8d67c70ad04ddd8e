"""What the ledger says was spent."""

import pytest

from router.ledger import LedgerError
from router.ledger.dimensions import DIMENSIONS
from router.ledger.read import recent
from router.ledger.sums import AttemptSums, RequestSums, Sums, sums, total
from router.ledger.types import Correction

DAY_NS = 86_400 * 10**9


@pytest.fixture
async def told(ledger, path, reservation, settlement, request_row):
    """A cascade with its draft thrown away, another team's unpriced attempt, and one refused at the door."""
    ledger.reserve(reservation("draft", kind="draft"))
    ledger.settle(settlement("draft", end="rejected", cost_nusd=10))
    ledger.reserve(reservation("big", seq=2, kind="escalation", tier="long"))
    ledger.settle(settlement("big", cost_nusd=100, estimated=True))
    ledger.record(request_row("r1", tier="long", attempts=2, tags={"workload": "chat", 'odd"name': "x"}))
    ledger.reserve(reservation("other", request_id="r2", team="sales", started_ns=DAY_NS))
    ledger.settle(settlement("other", cost_nusd=None))
    ledger.record(request_row("r2", team="sales", started_ns=DAY_NS, ended_ns=DAY_NS + 2_000, cost_nusd=None))
    ledger.record(request_row("r3", tier="", status=401, attempts=0, cost_nusd=0))
    await ledger.flush()
    return path


def by_group(rows: list[Sums]) -> dict[tuple[str, ...], tuple[int | None, int, int]]:
    return {
        tuple(row.by.values()): (row.requests and row.requests.requests, row.attempts.attempts, row.attempts.cost_nusd)
        for row in rows
    }


def test_everything_together(told):
    """Without a dimension there is one row: all requests, all attempts, all that is known of their cost."""
    attempts = AttemptSums(
        attempts=3, rejected=1, escalations=1, input_tokens=21, cached_input_tokens=6, output_tokens=9,
        reasoning_tokens=3, estimated=1, cost_nusd=110, unknown_cost=1, wasted_nusd=10,
    )  # fmt: skip
    assert sums(told) == [Sums({}, None, attempts, RequestSums(requests=3, errors=1, duration_ns=6_000))]


def test_a_thrown_away_draft_is_paid_where_it_ran(told):
    """Attempts and cost count on the tier that ran them, a request once, on the tier that answered it."""
    assert by_group(sums(told, by=["tier"])) == {
        ("long",): (1, 1, 100),
        ("edge",): (1, 2, 10),
        ("",): (1, 0, 0),
    }


def test_kinds_of_attempts(told):
    """By kind there are only attempts: a request has no kind."""
    assert by_group(sums(told, by=["kind"])) == {
        ("escalation",): (None, 1, 100),
        ("draft",): (None, 1, 10),
        ("primary",): (None, 1, 0),
    }


def test_dimensions_combine(told):
    """Several dimensions give one row for each combination, in the order asked for, and one for each day."""
    rows = sums(told, by=["team", "status"], every="day")
    assert {(row.start_ns, *row.by.values()): row.attempts.cost_nusd for row in rows} == {
        (0, "search", "200"): 110,
        (0, "search", "401"): 0,
        (DAY_NS, "sales", "200"): 0,
    }


@pytest.mark.parametrize(("tag", "value"), [("workload", "chat"), ('odd"name', "x"), ("unknown", "")])
def test_any_tag_is_a_dimension(told, tag, value):
    """Tags group by name, whatever the name; what has no such tag is in the group ""."""
    assert by_group(sums(told, by=[f"tag.{tag}"], until_ns=DAY_NS))[(value,)][2] == 110


@pytest.mark.parametrize("dimension", [*DIMENSIONS[:-1], "tag.workload"])
@pytest.mark.parametrize("every", [None, "hour", "day"])
def test_no_grouping_loses_anything(told, dimension, every):
    """The groups of every dimension, whole or by hour or day, add up to the whole."""
    whole = total(sums(told, by=[dimension], every=every))
    assert whole.attempts == sums(told)[0].attempts
    assert whole.requests in (None, sums(told)[0].requests)


def test_a_period_begins_with_its_first_nanosecond(told):
    """`since` is in the period, `until` is not, wherever in an hour they are."""
    assert [row.attempts.attempts for row in sums(told, since_ns=DAY_NS)] == [1]
    assert [row.attempts.attempts for row in sums(told, until_ns=DAY_NS)] == [2]
    assert sums(told, since_ns=DAY_NS + 1) == []
    assert [row.attempts.attempts for row in sums(told, since_ns=1_000, until_ns=1_001)] == [2]
    assert sums(told, since_ns=1_001, until_ns=DAY_NS) == []


async def test_corrections_are_in_the_sums(ledger, told):
    """What was corrected is reported as corrected, read while the gateway has the ledger open."""
    ledger.correct(Correction("c1", "other", 1, "finance", "price found", cost_nusd=7))
    await ledger.flush()
    whole = sums(told)[0].attempts
    assert (whole.cost_nusd, whole.unknown_cost) == (117, 0)


def test_recent_requests_with_what_was_tried(told):
    """The newest first, each with its attempts in the order they were made."""
    newest, _, oldest = recent(told, 5)
    assert (newest["request_id"], newest["tried"]) == ("r3", [])
    assert [(attempt["attempt_id"], attempt["outcome"]) for attempt in oldest["tried"]] == [
        ("draft", "rejected"),
        ("big", "ok"),
    ]
    assert [row["request_id"] for row in recent(told, 1)] == ["r3"]


def test_a_missing_ledger_is_named(tmp_path):
    """Reading makes no file: it says which one is missing, and which setting it comes from."""
    with pytest.raises(LedgerError, match=r"none\.db: no ledger is there.*state\.ledger"):
        sums(tmp_path / "none.db")
    assert not list(tmp_path.iterdir())


def test_a_file_that_is_no_ledger_is_named(tmp_path):
    """What cannot be read is said with the file's name."""
    (tmp_path / "empty.db").touch()
    with pytest.raises(LedgerError, match=r"empty\.db: no such table"):
        sums(tmp_path / "empty.db")


def test_an_unknown_dimension_names_the_known_ones(told):
    """The error names what was found and what is allowed."""
    with pytest.raises(LedgerError, match=r"'colour': allowed are team, .*tag\.NAME"):
        sums(told, by=["colour"])
