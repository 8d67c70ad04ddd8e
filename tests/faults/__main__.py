"""`python -m tests.faults --port P --mode MODE`: a provider that breaks, until it is interrupted."""

import argparse
import asyncio
import contextlib
import random

from tests.faults.modes import MODES, Mode, mixed
from tests.faults.server import provider


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.faults", description=__doc__)
    parser.add_argument("--port", type=int, default=0, help="0 takes a free one")
    parser.add_argument("--mode", choices=sorted(MODES), default="ok")
    parser.add_argument("--share", type=float, help="instead: this share of each of many faults, 0.01 for 1 %%")
    chosen = parser.parse_args()
    mode = chosen.mode if chosen.share is None else mixed(chosen.share, random.Random(chosen.port))
    name = chosen.mode if chosen.share is None else "mixed"
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(_serve(mode, name, chosen.port))


async def _serve(mode: str | Mode, name: str, port: int) -> None:
    async with provider(mode, port=port, tick_s=1.0, name=f"{name}-") as made:
        print(f"{name}: {made.url}", flush=True)  # noqa: T201  a command's output
        await asyncio.Event().wait()


if __name__ == "__main__":
    main()
