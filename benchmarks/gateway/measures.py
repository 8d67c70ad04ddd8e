"""The measures: each starts what it needs, loads it for a bounded time and gives back figures."""

import os
import resource
import threading
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import uvloop

from benchmarks.gateway import subjects
from benchmarks.gateway.load import Load, wrk
from benchmarks.gateway.streams import leave, quantile, read
from benchmarks.gateway.subjects import LOAD_CORE, Subject

FIRST_PORT = 18080
DIRECT, BARE, OURS = "nothing (direct)", "bare ASGI pass-through", "Tiergate"
Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Row:
    """One subject over all rounds: at one connection and at sixteen."""

    name: str
    alone: list[Load]
    busy: list[Load]

    def p50_ms(self) -> float:
        return median(load.p50_ms for load in self.alone)

    def p99_ms(self) -> float:
        return median(load.p99_ms for load in self.alone)

    def per_s(self) -> float:
        return median(load.per_s for load in self.busy)


def whole_answers(folder: Path, rounds: int, seconds: int, *, peers: bool, say: Say) -> list[Row]:
    """Every subject in turn, `rounds` times over, so that what the machine does meanwhile falls on all of them."""
    with ExitStack() as stack:
        upstream = stack.enter_context(subjects.canned(folder, FIRST_PORT))
        made: list[AbstractContextManager[Subject]] = [
            subjects.bare(upstream, FIRST_PORT + 1),
            subjects.tiergate(folder, upstream, FIRST_PORT + 2),
        ]
        if peers:
            made += [
                subjects.nginx(folder, upstream, FIRST_PORT + 3),
                subjects.sglang_router(upstream, FIRST_PORT + 4, FIRST_PORT + 5),
                subjects.portkey(upstream, FIRST_PORT + 6),
                subjects.litellm(folder, upstream, FIRST_PORT + 7),
            ]
        under_test = [Subject(DIRECT, upstream), *(stack.enter_context(each) for each in made)]
        rows = [Row(each.name, [], []) for each in under_test]
        for number in range(rounds):
            for each, row in zip(under_test, rows, strict=True):
                wrk(each, 4, 3 if number == 0 else 1)
                row.alone.append(wrk(each, 1, seconds))
                row.busy.append(wrk(each, 16, seconds))
                say(f"round {number + 1}: {each.name}: {row.alone[-1].p50_ms:.3f} ms, {row.busy[-1].per_s:.0f}/s")
        return rows


@dataclass(frozen=True, slots=True)
class Streams:
    """By subject: p50 and p99 of a token's delay in seconds; chunks a second when nothing holds them back.

    wrong: streams through Tiergate that did not end well.
    """

    delays: dict[str, tuple[float, float]]
    chunks_per_s: dict[str, float]
    wrong: int


def streams(folder: Path, count: int, rate: int, seconds: int, say: Say) -> Streams:
    os.sched_setaffinity(0, {int(LOAD_CORE)})
    with ExitStack() as stack:
        upstream = Subject(DIRECT, stack.enter_context(subjects.streaming()))
        bare = stack.enter_context(subjects.bare(upstream.url, FIRST_PORT + 15))
        gateway = stack.enter_context(subjects.tiergate(folder, upstream.url, FIRST_PORT + 8))
        delays, most, wrong = {}, {}, 0
        for each in (upstream, bare, gateway):
            uvloop.run(read(each, 20, rate=0, seconds=1))
            seen, _ = uvloop.run(read(each, count, rate=rate, seconds=seconds))
            delays[each.name] = (quantile(seen.delays_s, 0.5), quantile(seen.delays_s, 0.99))
            wrong += seen.wrong
            seen, took = uvloop.run(read(each, 64, rate=0, seconds=seconds))
            most[each.name] = len(seen.delays_s) / took
            wrong += seen.wrong
            say(f"{each.name}: p99 {1000 * delays[each.name][1]:.2f} ms on the way, {most[each.name]:.0f} chunks/s")
    os.sched_setaffinity(0, range(os.cpu_count() or 1))
    return Streams(delays, most, wrong)


@dataclass(frozen=True, slots=True)
class Memory:
    """Resident 10^6 bytes: after the warm-up, after the requests, before and after the streams that were left."""

    warm: float
    after_requests: float
    before_streams: float
    after_streams: float
    requests: int
    streams: int


def memory(folder: Path, requests: int, left: int, say: Say) -> Memory:
    with ExitStack() as stack:
        upstream = stack.enter_context(subjects.canned(folder, FIRST_PORT + 9))
        gateway = stack.enter_context(subjects.tiergate(folder, upstream, FIRST_PORT + 10))
        asked(gateway, requests // 2)  # the cache of exact answers is full by then
        warm = gateway.memory_mb
        done = asked(gateway, requests)
        after_requests = gateway.memory_mb
        say(f"{done} requests: {warm:.1f} -> {after_requests:.1f} MB")
    with ExitStack() as stack:
        gateway = stack.enter_context(
            subjects.tiergate(folder, stack.enter_context(subjects.streaming()), FIRST_PORT + 11)
        )
        uvloop.run(leave(gateway, left // 4))
        before = gateway.memory_mb
        uvloop.run(leave(gateway, left))
        time.sleep(1.0)
        say(f"{left} streams left behind: {before:.1f} -> {gateway.memory_mb:.1f} MB")
        return Memory(warm, after_requests, before, gateway.memory_mb, done, left)


def asked(gateway: Subject, requests: int) -> int:
    """Ask so many, in runs of a few seconds; how many it were."""
    done = 0
    while done < requests:
        done += wrk(gateway, 16, 5).requests
    return done


@dataclass(frozen=True, slots=True)
class Scaling:
    """Requests a second of one process and of two together, and the cores that were left for them."""

    one_per_s: float
    two_per_s: float
    load_share: float

    @property
    def factor(self) -> float:
        """Of two processes over one, with the cores that the load and the upstream took given back."""
        return self.two_per_s / (2 - self.load_share) * 2 / self.one_per_s


def scaling(folder: Path, seconds: int, say: Say) -> Scaling:
    """One gateway alone on its core; then two on both cores, which they share with the load and the upstream."""
    with ExitStack() as stack:
        upstream = stack.enter_context(subjects.canned(folder, FIRST_PORT + 12))
        first = stack.enter_context(subjects.tiergate(folder, upstream, FIRST_PORT + 13))
        wrk(first, 16, 2)
        one = wrk(first, 16, seconds).per_s
        second = stack.enter_context(subjects.tiergate(folder, upstream, FIRST_PORT + 14, core=LOAD_CORE))
        wrk(second, 16, 2)
        loads: list[Load] = []
        before = _children_s()
        runs = [
            threading.Thread(target=lambda each=each: loads.append(wrk(each, 16, seconds))) for each in (first, second)
        ]
        for each in runs:
            each.start()
        for each in runs:
            each.join()
        share = (_children_s() - before) / seconds
        result = Scaling(one, sum(load.per_s for load in loads), share)
        say(f"one {one:.0f}/s, two {result.two_per_s:.0f}/s with {share:.2f} of a core for the load")
        return result


def _children_s() -> float:
    """Processor time of the runs of wrk that have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime
