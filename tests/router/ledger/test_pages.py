"""Requests as the ledger has them, page by page, and the latencies of all of them."""

import pytest

from router.ledger import LedgerError
from router.ledger.buckets import DURATION, HISTOGRAMS
from router.ledger.latency import latency
from router.ledger.read import request, requests

HOUR_NS = 3_600 * 10**9
TEAMS = ("search", "sales", "support")


@pytest.fixture
async def forty(ledger, path, request_row):
    """One request every quarter of an hour, of three teams in turn, the n-th taking n milliseconds."""
    for n in range(40):
        started = n * HOUR_NS // 4
        ledger.record(
            request_row(
                f"r{n}", started_ns=started, ended_ns=started + n * 1_000_000, team=TEAMS[n % 3], tags={"n": str(n % 2)}
            )
        )
    await ledger.flush()
    return path


def all_pages(path, **asked):
    found, before = [], None
    while True:
        page = requests(path, before=before, **asked)
        found += [row["request_id"] for row in page.rows]
        before = page.older
        if before is None:
            return found


@pytest.mark.parametrize("limit", [1, 7, 40, 50])
@pytest.mark.parametrize(
    ("where", "wanted"),
    [
        ({}, range(40)),
        ({"team": "sales"}, range(1, 40, 3)),
        ({"tag.n": "1"}, range(1, 40, 2)),
        ({"team": "search", "tag.n": "0"}, range(0, 40, 6)),
        ({"team": "nobody"}, ()),
        ({"status": "200", "path": "/v1/chat/completions"}, range(40)),
    ],
)
def test_pages_hold_every_request_once_newest_first(forty, limit, where, wanted):
    """However long a page is and whatever is looked for, nothing is left out and nothing comes twice."""
    assert all_pages(forty, limit=limit, where=where) == [f"r{n}" for n in reversed(wanted)]


def test_pages_keep_to_a_period(forty):
    """From `since` to just before `until`."""
    between = {"since_ns": HOUR_NS // 4 * 3, "until_ns": HOUR_NS // 4 * 6}
    assert all_pages(forty, **between) == ["r5", "r4", "r3"]
    assert all_pages(forty, where={"team": "search"}, **between) == ["r3"]


async def test_many_requests_of_one_moment_are_paged_too(ledger, path, request_row):
    """The place in the order is the time and the row, so that equal times lose nothing."""
    for n in range(9):
        ledger.record(request_row(f"r{n}"))
    await ledger.flush()
    assert all_pages(path, limit=2) == [f"r{n}" for n in reversed(range(9))]
    assert all_pages(path, limit=2, where={"team": "search"}) == [f"r{n}" for n in reversed(range(9))]


@pytest.mark.parametrize("asked", [{"before": "yesterday"}, {"where": {"kind": "draft"}}, {"where": {"colour": "red"}}])
def test_a_page_that_cannot_be_is_refused(forty, asked):
    """What is wrong is said, with what is allowed."""
    with pytest.raises(LedgerError, match=r"yesterday.*older|kind.*allowed|colour.*allowed"):
        requests(forty, **asked)


async def test_one_request_with_its_attempts(ledger, path, reservation, settlement, request_row):
    """Its row, its facts as they were, and what was tried in order; None for an id that never was."""
    ledger.reserve(reservation("second", seq=2))
    ledger.reserve(reservation("first", seq=1))
    ledger.settle(settlement("second"))
    ledger.settle(settlement("first"))
    ledger.record(request_row(facts={"turns": 3}, saved={"routing": 5}, baseline_nusd=45))
    await ledger.flush()
    one = request(path, "r1")
    assert [attempt["attempt_id"] for attempt in one["tried"]] == ["first", "second"]
    assert (one["facts"], one["saved"], one["baseline_nusd"]) == ({"turns": 3}, {"routing": 5}, 45)
    assert request(path, "r2") is None


def test_percentiles_come_from_buckets(forty):
    """Of 0 to 39 ms each percentile is within one bucket, a factor of 1.42, of the exact one."""
    (whole,) = latency(forty)
    assert whole.count == 40
    for share in (0.5, 0.9, 0.95, 0.99):
        exact = share * 39e6
        assert exact / 1.42 <= whole.quantile_ns(share) <= exact * 1.42


def test_percentiles_by_team_and_hour(forty):
    """The groups' buckets add up to the whole's."""
    (whole,) = latency(forty)
    parts = latency(forty, by=["team"], every="hour")
    assert [sum(column) for column in zip(*(part.counts for part in parts), strict=True)] == list(whole.counts)
    assert len(parts) == 30


def test_what_was_not_measured_has_no_percentile(forty):
    """No request has a time to first token: there is no row, rather than a 0."""
    assert latency(forty, "ttft") == []
    assert DURATION.quantile_ns([0] * len(DURATION.columns), 0.5) is None


@pytest.mark.parametrize("name", HISTOGRAMS)
def test_every_value_has_one_bucket(name):
    """Edges ascend, and a value on an edge belongs to the bucket above it."""
    buckets = HISTOGRAMS[name]
    for place, edge in enumerate(buckets.edges_ns):
        assert (buckets.place(edge - 1), buckets.place(edge)) == (place, place + 1)
