"""`python -m tests.faults --port P --mode MODE`: a provider that breaks, until it is interrupted."""

import argparse
import asyncio
import contextlib

from tests.faults.modes import MODES
from tests.faults.server import provider


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.faults", description=__doc__)
    parser.add_argument("--port", type=int, default=0, help="0 takes a free one")
    parser.add_argument("--mode", choices=sorted(MODES), default="ok")
    chosen = parser.parse_args()
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(_serve(chosen.mode, chosen.port))


async def _serve(mode: str, port: int) -> None:
    async with provider(mode, port=port, tick_s=1.0) as made:
        print(f"{mode}: {made.url}", flush=True)  # noqa: T201  a command's output
        await asyncio.Event().wait()


if __name__ == "__main__":
    main()
