"""Simulated traffic: conversations of some applications over a tier, seen by one or more gateways."""

import heapq
import random
from dataclasses import dataclass, field

from tests.tiers.fleets import Clock, fleet
from tiers.pool import Work
from tiers.types import Limits

_APPLICATIONS = 20
_CONVERSATIONS = 400
_SECONDS_A_TOKEN = 0.004


@dataclass
class Seen:
    """warm: later turns that found their conversation in the replica's cache, of all later turns.

    imbalance: the busiest replica's tokens over the mean, averaged over the run.
    """

    later: int = 0
    warm: int = 0
    most: list[float] = field(default_factory=list)

    @property
    def share(self) -> float:
        return self.warm / self.later

    @property
    def imbalance(self) -> float:
        return sum(self.most) / len(self.most)


def simulate(rate: float, *, affine: bool, gateways: int = 1, replicas: int = 8, calls: int = 6000) -> Seen:
    """rate: calls a second; each holds its tokens for 4 ms a token. Gateways know of their own calls only."""
    rng, clock, seen = random.Random(7), Clock(0.0), Seen()
    tiers = [fleet(replicas, clock=clock, seed=seed, limits=Limits(max_inflight=10_000)) for seed in range(gateways)]
    cached: list[set[int]] = [set() for _ in range(replicas)]
    load = [0] * replicas
    ends: list = []
    talks: list[list[int]] = []
    for call in range(calls):
        clock.now += rng.expovariate(rate)
        while ends and ends[0][0] <= clock.now:
            _, _, lease = heapq.heappop(ends)
            load[lease.replica.place] -= lease.tokens
            lease.release()
        talk = _talk(rng, talks, call)
        prefixes = _prefixes(*talk)
        tokens = rng.randint(200, 1200) + 200 * talk[2] + int(rng.expovariate(1 / 300))
        lease = rng.choice(tiers).take(Work(tokens, prefixes if affine else ()))
        place = lease.replica.place
        if talk[2]:
            seen.later += 1
            seen.warm += prefixes[-2] in cached[place]
        talk[2] += 1
        cached[place].update(prefixes)
        load[place] += tokens
        if call > calls // 10:
            seen.most.append(max(load) * replicas / sum(load))
        heapq.heappush(ends, (clock.now + tokens * _SECONDS_A_TOKEN, call, lease))
    return seen


def _talk(rng: random.Random, talks: list[list[int]], call: int) -> list[int]:
    """A new conversation (application, id, turns so far) or one that goes on; few applications have most of them."""
    if len(talks) < _CONVERSATIONS or rng.random() < 0.15:
        weights = [1 / (rank + 1) for rank in range(_APPLICATIONS)]
        talks.append([rng.choices(range(_APPLICATIONS), weights)[0], call, 0])
        if len(talks) > _CONVERSATIONS:
            talks.pop(rng.randrange(len(talks)))
        return talks[-1]
    return rng.choice(talks)


def _prefixes(application: int, talk: int, turn: int) -> tuple[int, ...]:
    known = [(application,), (application, talk), (application, talk, 1)][: 3 if turn else 2]
    return tuple(hash(prefix) & 0xFFFFFFFF for prefix in reversed(known))
