"""The load: wrk on a core of its own."""

import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

from benchmarks.gateway.subjects import LOAD_CORE, Subject

_SCRIPT = Path(__file__).with_name("wrk.lua")


@dataclass(frozen=True, slots=True)
class Load:
    """What one run of wrk saw. p50_ms, p99_ms: latency. cpu_us: processor time of the subject for each request."""

    requests: int
    per_s: float
    p50_ms: float
    p99_ms: float
    cpu_us: float | None


def wrk(subject: Subject, connections: int, seconds: int) -> Load:
    """Raises RuntimeError where any answer was not a success."""
    headers = "\n".join(f"{name}: {value}" for name, value in subject.headers.items())
    command = ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--timeout", "20s", "-s", str(_SCRIPT), subject.url]
    before = subject.cpu_s if subject.pid else 0.0
    done = subprocess.run(
        ["taskset", "-c", LOAD_CORE, *command], env={**os.environ, "HEADERS": headers}, capture_output=True, text=True,
        check=True,
    )  # fmt: skip
    spent = subject.cpu_s - before if subject.pid else None
    line = next(line for line in done.stdout.splitlines() if line.startswith("RESULT"))
    requests, duration_us, p50_us, p99_us, refused, broken = (int(value) for value in line.split()[1:])
    if refused or broken or not requests:
        raise RuntimeError(f"{subject.name}: {refused} error answers, {broken} broken of {requests}")
    cpu_us = None if spent is None else 1e6 * spent / requests
    return Load(requests, requests / (duration_us / 1e6), p50_us / 1000, p99_us / 1000, cpu_us)
