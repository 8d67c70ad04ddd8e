"""Building a tier: the engine that its specification names, one per replica."""

import random
from collections.abc import Callable

from tiers.base import Engine
from tiers.engines.registry import DIALECTS
from tiers.fake import FakeEngine
from tiers.openai_http import HttpEngine, HttpSession
from tiers.pool import Tier
from tiers.types import ReplicaSpec, TierSpec


def build(spec: TierSpec, *, session: HttpSession, clock: Callable[[], float], rng: random.Random) -> Tier:
    """A tier that is not open yet. clock: monotonic seconds.

    Raises KeyError for an engine that there is none of.
    """
    engines = [_engine(spec, replica, session) for replica in spec.replicas]
    return Tier(spec, engines, clock=clock, rng=rng)


def _engine(spec: TierSpec, replica: ReplicaSpec, session: HttpSession) -> Engine:
    if spec.engine == "fake":
        return FakeEngine(spec)
    if spec.engine == "litellm":
        from tiers.managed import ManagedEngine

        return ManagedEngine(spec, replica)
    if spec.engine == "llama.cpp" and not replica.url:
        from tiers.llamacpp.engine import EmbeddedEngine

        return EmbeddedEngine(spec)
    kind = "llama-server" if spec.engine == "llama.cpp" else spec.engine
    return HttpEngine(spec, replica, session, DIALECTS[kind])
