"""The soak of benchmarks/soak, for three seconds."""

import asyncio

from benchmarks.soak.scene import scene
from benchmarks.soak.soak import soak


def test_a_short_soak_truncates_nothing_and_leaves_nothing_in_flight(tmp_path):
    """Six providers break in twelve ways; every caller gets a whole answer or a clear error."""
    with scene(tmp_path, share=0.01) as served:
        report = asyncio.run(soak(served, 2.0, warm_s=1.0))
    assert report.asked > 0 and report.outcomes["whole answer"] > 0.9 * report.asked
    assert not [outcome for outcome in report.outcomes if not outcome.startswith(("whole answer", "clean error"))]
    assert report.late.inflight == 0
