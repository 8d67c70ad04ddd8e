"""`python -m benchmarks.soak --minutes 10`: 70 % of saturation, 1 % of each of twelve faults; exit 1 on a leak or on
more than 0.1 % of errors to the callers.
"""

import argparse
import asyncio
import sys
import tempfile
from pathlib import Path

from benchmarks.soak.scene import scene
from benchmarks.soak.soak import soak


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.soak", description=__doc__)
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--faults", type=float, default=0.01, help="share of each kind of fault")
    parser.add_argument("--load", type=float, default=0.7, help="share of saturation")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, scene(Path(folder), share=chosen.faults) as served:
        report = asyncio.run(soak(served, chosen.minutes * 60, share_of_saturation=chosen.load))
    print(
        f"{report.asked} requests in {report.seconds:.0f} s, {report.rate:.0f} a second ({chosen.load:.0%} of the most)"
    )
    for outcome, count in sorted(report.outcomes.items(), key=lambda one: -one[1]):
        print(f"  {count:8d}  {outcome}")
    print(f"errors {report.errors:.3%}, p50 {report.p50_s * 1000:.0f} ms, p99 {report.p99_s * 1000:.0f} ms")
    print(f"memory {report.early.memory_mb:.0f} -> {report.late.memory_mb:.0f} MB ({report.growth:+.1%})")
    print(f"open files {report.early.files} -> {report.late.files}, in flight at the end {report.late.inflight:g}")
    if report.wrong:
        sys.exit("\n".join(report.wrong))


if __name__ == "__main__":
    main()
