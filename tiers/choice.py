"""Choice: which replica of a tier takes the next call. Pure but for the random numbers that it is given."""

import random
from collections.abc import Collection, Sequence
from typing import NamedTuple

from tiers.affinity import Affinity, rendezvous
from tiers.replica import Replica

# Pressures (shares of a limit) that differ by less are the same: a gauge is some seconds old.
_SAME_PRESSURE = 0.15
_MUCH_PRESSURE = 0.5


class Work(NamedTuple):
    """What a call will ask of a replica.

    tokens: of its prompt and its predicted answer. prefixes: 32-bit hashes of the prompt's beginnings, longest first;
    prompts with the same hash begin alike and belong to the same team.
    """

    tokens: int = 1
    prefixes: tuple[int, ...] = ()


def choose(
    group: Sequence[Replica],
    work: Work,
    *,
    rng: random.Random,
    affinity: Affinity,
    exclude: Collection[str] = (),
) -> Replica | None:
    """The better of two accepting replicas of the group, one of them a home of the prompt's prefix where there is one.

    Two at random and not the best of all: gateways that do not know of each other's calls would all send to the same
    best one (Mitzenmacher, 2001). None where no replica accepts.
    """
    if len(group) == 1:
        only = group[0]
        return only if only.accepts and only.name not in exclude else None
    home, known = _home(group, work, affinity, exclude) if work.prefixes else (None, False)
    first, second = _two(group, home, rng, exclude)
    if first is None or second is None:
        return first
    if known and not _overloaded(first, second, work):
        return first
    return _lighter(first, second, work)


def _home(
    group: Sequence[Replica], work: Work, affinity: Affinity, exclude: Collection[str]
) -> tuple[Replica | None, bool]:
    """(replica, whether it has served a prefix of the prompt).

    The least busy of those that served the whole of it; else of those that served a part, the one where what comes next
    belongs, so that other gateways think of the same; else where the prompt's beginning belongs.
    """
    bits, place = affinity.served(work.prefixes)
    have = [r for r in group if bits >> r.place & 1 and r.accepts and r.name not in exclude]
    if have and place == 0:
        return min(have, key=_tokens), True
    if have:
        return have[rendezvous(work.prefixes[place - 1], [r.seed for r in have])], True
    able = [r for r in group if r.accepts and r.name not in exclude]
    return (able[rendezvous(work.prefixes[-1], [r.seed for r in able])] if able else None), False


def _two(
    group: Sequence[Replica], home: Replica | None, rng: random.Random, exclude: Collection[str]
) -> tuple[Replica | None, Replica | None]:
    """Two different accepting replicas, the home first; fewer where there are no more."""
    count = len(group)
    if count > 2 and not exclude:
        at = int(rng.random() * count)
        first = home or group[at]
        second = group[(at + 1 + int(rng.random() * (count - 1))) % count]
        if first is not second and first.accepts and second.accepts:
            return first, second
    free = [r for r in group if r is not home and r.accepts and r.name not in exclude]
    if home is not None:
        return home, rng.choice(free) if free else None
    if len(free) < 2:
        return (free[0] if free else None), None
    first, second = rng.sample(free, 2)
    return first, second


def _overloaded(home: Replica, other: Replica, work: Work) -> bool:
    """Whether a warm cache is not worth the wait there: it is over its share, by its own calls or by its gauges."""
    allowed = other.tokens + other.tokens // 4 + 2 * work.tokens
    return home.tokens > allowed or home.gauges.pressure > other.gauges.pressure + _MUCH_PRESSURE


def _lighter(first: Replica, second: Replica, work: Work) -> Replica:
    """By our own tokens; where these differ by less than this call brings, by the gauges; else the first."""
    apart = first.tokens - second.tokens
    if abs(apart) < work.tokens:
        pressure = first.gauges.pressure - second.gauges.pressure
        if abs(pressure) > _SAME_PRESSURE:
            return second if pressure > 0 else first
    return second if apart > 0 else first


def _tokens(replica: Replica) -> int:
    return replica.tokens
