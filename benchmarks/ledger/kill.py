"""kill -9 at random moments under load: `python -m benchmarks.ledger.kill` writes docs/benchmarks/ledger-kill.md.

A real gateway, an upstream that counts what it serves, twelve callers; each life ends by SIGKILL, and the next gateway
takes up the same ledger. Exit 1, with what is wrong, where the ledger and the upstream's own count differ.
"""

import argparse
import asyncio
import sys
import tempfile
from pathlib import Path

from benchmarks.toy.versions import versions
from tests.router.ledger.lives import check, lives

ROOT = Path(__file__).parents[2]
_PAGE = """# kill -9

```
python -m benchmarks.ledger.kill --kills {kills} --seed {seed}
```

{versions}

A real gateway on one ledger, killed by SIGKILL {kills} times at random moments while twelve callers, half of them
streaming, ask an upstream that counts what it serves. Afterwards:

| | |
|---|---|
| attempts in the ledger | {attempts} |
| dispatched over 50 ms of running time before the death, by the upstream's record | {promised}, none missing |
| answered whole over 50 ms before | {exact}, each settled once at the upstream's own token counts |
| settled at their reservation (`unseen`) | {unseen} |
| attempts that are there twice, or not settled | 0 |
| rollups that differ from the rows | 0 |
"""


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--kills", type=int, default=200)
    arguments.add_argument("--seed", type=int, default=1)
    arguments.add_argument("--out", type=Path, default=ROOT / "docs" / "benchmarks" / "ledger-kill.md")
    chosen = arguments.parse_args()
    with tempfile.TemporaryDirectory() as name:
        told = asyncio.run(lives(Path(name), chosen.kills, chosen.seed))
        try:
            counted = check(Path(name) / "ledger.db", told)
        except AssertionError as error:
            sys.exit(f"the ledger and the upstream differ: {error}")
    page = _PAGE.format(
        kills=chosen.kills, seed=chosen.seed, versions=versions(), exact=len(told.exact), **counted
    )  # fmt: skip
    chosen.out.write_text(page)
    print(page)


if __name__ == "__main__":
    main()
