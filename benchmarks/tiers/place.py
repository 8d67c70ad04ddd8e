"""Microseconds that placing adds to a request: the prompt's prefixes, the replica, its place taken and given back.

    python -m benchmarks.tiers.place

Eight idle replicas. Printed is the processor time of the best of thirty rounds, since whatever else runs on the
machine only ever adds.
"""

import random
import time
import timeit
from collections.abc import Callable

from router.prefixes import prefixes
from tiers.fake import FakeEngine
from tiers.pool import Tier, Work
from tiers.types import ReplicaSpec, TierSpec

_ROUNDS, _CALLS = 30, 20_000


def tier() -> Tier:
    spec = TierSpec("short", "fake", "m", replicas=tuple(ReplicaSpec(name=f"r{i}") for i in range(8)))
    made = Tier(spec, [FakeEngine(spec)] * 8, clock=time.monotonic, rng=random.Random(1))
    for replica in made.replicas:
        replica.up = True
    return made


def microseconds(call: Callable[[], object]) -> float:
    rounds = timeit.repeat(call, timer=time.process_time, number=_CALLS, repeat=_ROUNDS)
    return min(rounds) / _CALLS * 1e6


def main() -> None:
    pool = tier()
    plain, talk = Work(500), Work(500, prefixes=(3, 2, 1))
    body = {"messages": [{"role": "system", "content": "x" * 2000}, {"role": "user", "content": "hello " * 50}]}
    pool.take(talk)
    for name, call in (
        ("prefixes of 2,300 characters", lambda: prefixes(body, team="search")),
        ("a replica", lambda: pool.pick(plain)),
        ("a replica, prefix known", lambda: pool.pick(talk)),
        ("a place, taken and given back", lambda: pool.take(plain).release()),
        ("the same, prefix known", lambda: pool.take(talk).release()),
    ):
        print(f"{name:32} {microseconds(call):6.2f} us")


if __name__ == "__main__":
    main()
