"""The ledger against the real llama.cpp's own counters."""

import time

from benchmarks.reconcile.__main__ import mixed
from benchmarks.reconcile.gateway import running
from router.ledger.sums import sums
from router.reconcile.engines import against_engines


async def test_not_a_token_differs_after_mixed_requests(tmp_path):
    """Streamed, whole, drafted, escalated, pinned and left by the caller: what the engines counted is in the ledger.

    That takes the count of an answer that was given up, which comes as a correction once the engine has stopped.
    """
    async with running(tmp_path) as url:
        done = await mixed(url, 60, seed=3)
    gaps = against_engines(tmp_path / "ledger.db", since_ns=0, until_ns=time.time_ns())
    assert {gap.where for gap in gaps} == {"edge/local", "short/local", "long/local"}
    assert [gap.difference for gap in gaps] == [0] * 6
    assert sum(gap.ledger for gap in gaps) > 500
    ends = {row.by["end"] for row in sums(tmp_path / "ledger.db", ("end",))}
    assert done["left"] and {"ok", "cancelled"} <= ends
