"""A storm in the waiting room: whatever happens in whatever order, no place is lost, doubled or left to nobody."""

import asyncio
import random

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.router.waiting.test_room import Room, settled
from tests.tiers.fleets import fleet
from tiers.errors import Overloaded
from tiers.types import Limits

MOST = 2


async def storm(seed: int, *, pauses: bool) -> None:
    rng, room = random.Random(seed), Room()
    tiers = [fleet(count, clock=room.clock, limits=Limits(max_inflight=MOST, max_queue=8)) for count in (1, 2)]
    waiting, held = set(), []
    for _ in range(120):
        room.clock.now += rng.random()
        deed = rng.choice(["ask", "ask", "end", "leave", "drain", "undrain", *(["pause"] if pauses else [])])
        tier = rng.choice(tiers)
        if deed == "ask":
            lease = tier.take()
            if lease is not None:
                held.append(lease)
            else:
                order = rng.sample(tiers, rng.randint(1, 2))
                exclude = {"t": {"r0"}} if rng.random() < 0.2 else None
                waiting.add(await room.joins(*order, team=rng.choice("ab"), exclude=exclude))
        elif deed == "end" and held:
            held.pop(rng.randrange(len(held))).release()
        elif deed == "leave" and waiting:
            rng.choice(sorted(waiting, key=id)).cancel()
        elif deed in ("drain", "undrain"):
            getattr(tier, deed)(rng.choice(tier.replicas).name)
        elif deed == "pause":
            tier.replicas[0].observe(False, "429", retry_after_s=0.5)
        if rng.random() < 0.7:
            await settled()
        held += _granted(waiting)
        assert pauses or all(one.pick() is None for one in tiers if _would_take(room, one))
        assert all(replica.inflight <= MOST for one in tiers for replica in one.replicas)
    for task in waiting:
        task.cancel()
    await settled()
    held += _granted(waiting)
    for lease in held:
        lease.release()
    assert [(one.inflight, one.queued, one.room) for one in tiers] == [(0, 0, None)] * 2
    assert not room.room._lines
    assert not room.room._timers


def _would_take(room: Room, tier) -> bool:
    """Whether somebody who could use any of the tier's replicas waits for it."""
    line = room.room._lines.get(tier, ())
    return bool(line) and any(not waiter.item.exclude for waiter in line.order(0.0) if not waiter.item.granted.done())


def _granted(waiting: set) -> list:
    """The leases of those that got a place; those that did not are gone."""
    leases = []
    for task in [task for task in waiting if task.done()]:
        waiting.discard(task)
        if not task.cancelled() and not isinstance(task.exception(), Overloaded):
            leases.append(task.result().lease)
    return leases


@given(st.integers(0, 10_000), st.booleans())
@settings(max_examples=60, deadline=None)
def test_no_place_is_lost(seed, pauses):
    """Asking, ending, leaving, draining and pausing at random: at the end everything is as at the beginning.

    Meanwhile no place is free that somebody waits for (after a pause it is given when the timer goes off).
    """
    asyncio.run(storm(seed, pauses=pauses))
