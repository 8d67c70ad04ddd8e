"""The edge benchmark: what the embedded engine keeps of llama.cpp's own speed, and how soon a short prompt is served.

python -m benchmarks.edge [--quick] [--threads N] [--out docs/benchmarks/edge.md]
"""

import argparse
import asyncio
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import median

from benchmarks.edge.engine_side import short_prompt_steps, steps_until_all_run, tokens_per_second
from benchmarks.edge.random_model import EDGE_230M, write
from benchmarks.edge.report import Measured, Result, render
from tiers.llamacpp import EmbeddedEngine
from tiers.llamacpp.options import usable_cores
from tiers.llamacpp.process import WAIT_BRIEFLY
from tiers.types import TierSpec

STREAMS = (1, 4, 8, 16)
CONTEXT = 2560
REPORT = Path("docs/benchmarks/edge.md")
SLOTS = 16


class Bare:
    """The bare loop's process."""

    def __init__(self, model: Path, threads: int) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.edge.bare", str(model), str(threads), str(CONTEXT)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**WAIT_BRIEFLY, **os.environ},
        )
        self._ask("")

    def tokens_per_second(self, streams: int, tokens: int) -> float:
        skipped = steps_until_all_run(streams) // 2  # the engine's sequences are that old on average by then
        steps = [float(seconds) for seconds in self._ask(f"{streams} {tokens} {skipped}\n").split()]
        return streams * len(steps) / sum(steps)

    def close(self) -> None:
        self._process.communicate()

    def _ask(self, line: str) -> str:
        self._process.stdin.write(line)
        self._process.stdin.flush()
        return self._process.stdout.readline()


def cached_model() -> Path:
    path = Path(tempfile.gettempdir()) / "tiergate-edge-230m-q8_0.gguf"
    if not path.exists():
        partial = path.with_suffix(f".{os.getpid()}")
        write(partial, EDGE_230M)
        partial.replace(path)
    return path


async def measure(model: Path, *, threads: int, tokens: int, rounds: int) -> Result:
    spec = TierSpec(
        name="edge",
        engine="llama.cpp",
        model=str(model),
        context=CONTEXT,
        options={"threads": threads, "slots": SLOTS},
    )
    bare, engine = Bare(model, threads), EmbeddedEngine(spec)
    await engine.open()
    try:
        speeds = [await _speed(bare, engine, streams, tokens, rounds) for streams in STREAMS]
        waits = [await short_prompt_steps(engine, number) for number in range(rounds)]
    finally:
        await engine.close()
        bare.close()
    steps = [wait for wait, _ in waits]
    return Result(threads, tokens, rounds, speeds, steps, median(step_s for _, step_s in waits))


async def _speed(bare: Bare, engine: EmbeddedEngine, streams: int, tokens: int, rounds: int) -> Measured:
    """Bare and engine in turns, so that what else the machine does falls on both."""
    pairs = []
    for _ in range(rounds):
        alone = await asyncio.to_thread(bare.tokens_per_second, streams, tokens)
        pairs.append((alone, await tokens_per_second(engine, streams, tokens)))
        print(f"{streams:2} streams: bare {pairs[-1][0]:6.1f} tok/s, engine {pairs[-1][1]:6.1f}", flush=True)
    return Measured(streams, pairs)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="fewer tokens and rounds; writes only with --out")
    parser.add_argument("--threads", type=int, default=usable_cores())
    parser.add_argument("--out", type=Path, help=f"default: {REPORT}")
    given = parser.parse_args()
    tokens, rounds = (32, 3) if given.quick else (64, 5)
    load_before = os.getloadavg()[0]
    result = asyncio.run(measure(cached_model(), threads=given.threads, tokens=tokens, rounds=rounds))
    text = render(result, command="python -m benchmarks.edge" + " --quick" * given.quick, load_before=load_before)
    print(text)
    out = given.out or (None if given.quick else REPORT)
    if out is not None:
        out.parent.mkdir(parents=True, exist_ok=True)
        out.write_text(text)


if __name__ == "__main__":
    main()
