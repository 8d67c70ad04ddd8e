"""The options of an embedded engine: what `tiers.<name>.options` may say, and what each defaults to."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tiers.errors import Misconfigured
from tiers.types import TierSpec

SLOTS = 8
BATCH = 512
FULL_CONTEXTS = 4  # how many whole contexts the KV cache holds by default, however many slots share it,
MOST_DEFAULT_CELLS = 16384  # and where that stops, for a cell of a 7B model takes 128 KiB


@dataclass(frozen=True, slots=True)
class EngineOptions:
    """Everything the engine's process needs to know before its first request.

    context: most tokens of one prompt and its answer. slots: sequences decoded at once. kv_tokens: cells of the KV
    cache, shared by all slots. batch: most tokens in one decode call; ubatch: most in one pass over the weights.
    threads: compute threads. gpu_layers: layers put on a GPU (-1: all). max_waiting: requests queued before refusing.
    """

    model_path: str
    context: int
    threads: int
    kv_tokens: int
    slots: int = SLOTS
    batch: int = BATCH
    ubatch: int = BATCH
    gpu_layers: int = 0
    flash_attention: bool = True
    max_waiting: int = 32

    @classmethod
    def from_spec(cls, spec: TierSpec, model_path: Path) -> "EngineOptions":
        """Raises Misconfigured naming the option, what was found and what is allowed."""
        given = _checked(spec)
        slots = given.get("slots", SLOTS)
        batch = max(given.get("batch", BATCH), slots)
        return cls(
            model_path=str(model_path),
            context=spec.context,
            threads=given.get("threads", usable_cores()),
            kv_tokens=max(spec.context, given.get("kv_tokens", _default_cells(spec.context, slots))),
            slots=slots,
            batch=batch,
            ubatch=min(batch, given.get("ubatch", BATCH)),
            gpu_layers=given.get("gpu_layers", 0),
            flash_attention=given.get("flash_attention", True),
            max_waiting=spec.limits.max_waiting,
        )


def _default_cells(context: int, slots: int) -> int:
    """Enough for a few whole contexts, for most requests are far shorter than the longest that is allowed."""
    return min(context * min(slots, FULL_CONTEXTS), MOST_DEFAULT_CELLS)


LEAST = {"threads": 1, "slots": 1, "batch": 1, "ubatch": 1, "gpu_layers": -1, "kv_tokens": 1}
MOST_SLOTS = 64
CPU_MAX = Path("/sys/fs/cgroup/cpu.max")


def _checked(spec: TierSpec) -> dict[str, Any]:
    """The options that were given; None is as if it were absent."""
    given = {name: value for name, value in spec.options.items() if value is not None}
    for name, value in given.items():
        if (allowed := _allowed_instead(name, value)) is not None:
            raise Misconfigured(f"tiers.{spec.name}.options.{name}: found {value!r}, allowed {allowed}")
    return given


def _allowed_instead(name: str, value: Any) -> str | None:
    """What would have been allowed; None where the value is."""
    if name == "flash_attention":
        return None if isinstance(value, bool) else "true or false"
    if name not in LEAST:
        return "no such option, only " + ", ".join(sorted([*LEAST, "flash_attention"]))
    if not isinstance(value, int) or isinstance(value, bool) or value < LEAST[name]:
        return f"a whole number from {LEAST[name]}"
    return f"at most {MOST_SLOTS}" if name == "slots" and value > MOST_SLOTS else None


def usable_cores() -> int:
    """Cores that this process may keep busy: hyper-threads of one core count once, a container's quota is the most."""
    allowed = os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else set(range(os.cpu_count() or 1))
    cores = len({_siblings(cpu) for cpu in allowed})
    quota = _cpu_quota(CPU_MAX)
    return max(1, cores if quota is None else min(cores, int(quota)))


def _cpu_quota(path: Path) -> float | None:
    """The cores' worth of time that a control group (version 2) grants; None where it sets no limit."""
    try:
        quota, period = path.read_text().split()
    except (OSError, ValueError):
        return None
    return None if quota == "max" else int(quota) / int(period)


def _siblings(cpu: int) -> str:
    """The hyper-threads that share this one's core, as Linux lists them; the CPU's own number where it does not."""
    try:
        return Path(f"/sys/devices/system/cpu/cpu{cpu}/topology/thread_siblings_list").read_text()
    except OSError:
        return str(cpu)
