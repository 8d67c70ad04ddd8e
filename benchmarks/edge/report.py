"""The report of the edge benchmark, in Markdown."""

import datetime as dt
import os
import platform
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import version
from statistics import median

KEPT_AT_LEAST = 0.90
STEPS_AT_MOST = 3.0


@dataclass(frozen=True, slots=True)
class Measured:
    """Tokens a second of all streams together: (bare, engine) for each round."""

    streams: int
    pairs: Sequence[tuple[float, float]]

    @property
    def ratios(self) -> list[float]:
        return [engine / bare for bare, engine in self.pairs]


@dataclass(frozen=True, slots=True)
class Result:
    """One run. short_steps: first token of a short prompt beside a long one's prefill, in decode steps of step_s."""

    threads: int
    tokens: int
    rounds: int
    speeds: Sequence[Measured]
    short_steps: Sequence[float]
    step_s: float


def render(result: Result, *, command: str, load_before: float) -> str:
    """load_before: the machine's load average over the minute before, which should be near 0."""
    rows = "\n".join(_row(measured) for measured in result.speeds)
    steps = sorted(result.short_steps)
    today = dt.datetime.now(dt.UTC).date()
    return f"""# The embedded engine against bare llama.cpp

`{command}`, {today}, {_machine()},
{result.threads} compute threads, load average {load_before:.1f} before; {_versions()}.

Model: 226M parameters, Q8_0, random weights (20 layers, 1,024 wide, 16 heads over 4 of keys and values, 16,384 tokens).
Bare: a loop over `llama_decode` with greedy choice and its log-probability, nothing else. Engine: `EmbeddedEngine` as a
gateway runs it, streaming, `logprobs: 5`, greedy, {result.tokens} tokens a stream after a prompt of 32. Both wait for
each other's threads alike (`GOMP_SPINCOUNT=1000`). Tokens a second of all streams together while all of them run;
bare and engine in turns, {result.rounds} rounds; the ratio is the median of the rounds' ratios.

| streams | bare tok/s | engine tok/s | ratio | lowest to highest |
|---|---|---|---|---|
{rows}

Wanted: {KEPT_AT_LEAST:.2f} or more at each.

First token of a 12-token prompt that comes while a 2,000-token prompt is prefilled beside seven running streams:
median **{median(steps):.2f} decode steps** (from {steps[0]:.2f} to {steps[-1]:.2f}; a step of the running streams alone
takes {1000 * result.step_s:.1f} ms). Wanted: under {STEPS_AT_MOST:.0f}.
"""


def _row(measured: Measured) -> str:
    bare = median(bare for bare, _ in measured.pairs)
    engine = median(engine for _, engine in measured.pairs)
    ratios = measured.ratios
    spread = f"{min(ratios):.2f} to {max(ratios):.2f}"
    return f"| {measured.streams} | {bare:.1f} | {engine:.1f} | **{median(ratios):.2f}** | {spread} |"


def _versions() -> str:
    libraries = ", ".join(f"{name} {version(name)}" for name in ("llama-cpp-python", "numpy"))
    return f"{libraries}, Python {platform.python_version()}"


def _machine() -> str:
    return f"{platform.system()} {platform.machine()} with {os.cpu_count()} cores"
