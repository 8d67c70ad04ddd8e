"""What the gateway adds, beside what a user would take instead: `python -m benchmarks.gateway`.

Writes docs/benchmarks/gateway.md and its chart. The gateway under test has one core, the load and the upstream the
other. Needs wrk and nginx; `bash benchmarks/gateway/peers.sh` sets the other gateways up, `--no-peers` goes without.
"""

import argparse
import shutil
import sys
import tempfile
from pathlib import Path

from benchmarks.gateway import measures
from benchmarks.gateway.report import write

ROOT = Path(__file__).parents[2]
PARTS = ("whole", "streams", "memory", "scaling")


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--rounds", type=int, default=5)
    arguments.add_argument("--seconds", type=int, default=5, help="of each run of the load")
    arguments.add_argument("--requests", type=int, default=200_000, help="over which memory may not grow")
    arguments.add_argument("--no-peers", action="store_true")
    arguments.add_argument("--only", choices=PARTS, action="append", help="print these parts, write nothing")
    arguments.add_argument("--out", type=Path, default=ROOT / "docs" / "benchmarks" / "gateway.md")
    chosen = arguments.parse_args()
    missing = [program for program in ("wrk", "nginx", "taskset") if shutil.which(program) is None]
    if missing:
        sys.exit(f"missing: {', '.join(missing)}; on Debian: apt-get install wrk nginx-light util-linux")
    wanted = chosen.only or PARTS
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        found = {
            "whole": lambda: measures.whole_answers(
                folder, chosen.rounds, chosen.seconds, peers=not chosen.no_peers, say=_say
            ),
            "streams": lambda: measures.streams(folder, 200, 50, 2 * chosen.seconds, _say),
            "memory": lambda: measures.memory(folder, chosen.requests, 2_000, _say),
            "scaling": lambda: measures.scaling(folder, chosen.seconds, _say),
        }
        results = {part: found[part]() for part in PARTS if part in wanted}
    if chosen.only:
        for result in results.values():
            print(result)
        return
    write(chosen.out, " ".join(sys.argv[1:]), **results)


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
