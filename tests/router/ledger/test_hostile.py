"""Rows that an upstream made absurd."""

from contextlib import closing

import pytest

from router.ledger.sqlite import connect_writer
from router.ledger.sums import sums
from router.ledger.verify import differences


@pytest.mark.parametrize("figure", [10**16, 2**63 - 1, -(10**16)])
async def test_one_absurd_figure_does_not_stop_the_ledger(ledger, path, reservation, settlement, request_row, figure):
    """A count that no answer can have is refused with its row, before any sum overflows; all others are written."""
    for attempt in ("a1", "a2", "a3"):
        ledger.reserve(reservation(attempt))
    ledger.settle(settlement("a1"))
    ledger.settle(settlement("a2", input_tokens=figure))
    ledger.settle(settlement("a3", cost_nusd=figure))
    ledger.record(request_row())
    ledger.record(request_row("r2", baseline_nusd=figure))
    await ledger.flush()
    assert (ledger.lost, ledger.failing) == (3, None)
    (row,) = sums(path)
    assert (row.attempts.attempts, row.requests.requests) == (1, 1)
    with closing(connect_writer(path)) as connection:
        assert differences(connection) == []
