"""A specification becomes a tier with the engine that it names."""

import asyncio
import random
import subprocess
import sys
import time

import pytest

from tests.faults.server import provider
from tests.tiers.conftest import chat
from tiers.build import build
from tiers.engines.registry import DIALECTS
from tiers.fake import FakeEngine
from tiers.managed import ManagedEngine
from tiers.openai_http import HttpEngine, HttpSession
from tiers.types import EngineKind, ReplicaSpec, TierSpec


def made(session, **fields):
    spec = TierSpec(**{"name": "t", "engine": "vllm", "model": "m", **fields})
    return build(spec, session=session, clock=time.monotonic, rng=random.Random(1))


@pytest.mark.parametrize(
    ("kind", "url", "engine"),
    [
        ("fake", "", FakeEngine),
        ("litellm", "", ManagedEngine),
        ("llama.cpp", "http://127.0.0.1:8080/v1", HttpEngine),
        *((kind, "http://127.0.0.1:8000/v1", HttpEngine) for kind in DIALECTS),
    ],
)
def test_each_kind_gets_its_engine(kind, url, engine):
    """llama.cpp with a url is a running llama-server."""
    tier = made(HttpSession(), engine=kind, replicas=(ReplicaSpec(url=url, name="a"),))
    assert [type(r.engine) for r in tier.replicas] == [engine]


def test_llama_cpp_without_a_url_is_embedded():
    """And importing the other engines does not import llama.cpp."""
    from tiers.llamacpp.engine import EmbeddedEngine

    tier = made(HttpSession(), engine="llama.cpp", model="bundled:edge")
    assert isinstance(tier.replicas[0].engine, EmbeddedEngine)


def test_every_kind_of_engine_can_be_built():
    """The words of the configuration and the registry are the same."""
    built = {"llama.cpp", "litellm", "fake", *DIALECTS}
    assert built == set(EngineKind.__args__)
    assert all(dialect.kind == kind for kind, dialect in DIALECTS.items())


async def test_a_tier_serves_with_one_replica_gone(session):
    """The one that answers is picked; the other is down and says why."""
    async with provider("ok") as p:
        places = (ReplicaSpec(url=p.url, name="a"), ReplicaSpec(url="http://127.0.0.1:1/v1", name="b"))
        tier = made(session, replicas=places)
        await tier.open()
        assert (tier.state(), tier.capacity) == ("up", 64)
        replica = tier.pick()
        with replica.lease():
            await replica.engine.complete(chat())
        gone = tier.replicas[1]
        assert (replica.name, gone.up, gone.error.reason) == ("a", False, "reset")
        await tier.close()
    assert not [t for t in asyncio.all_tasks() if "watch" in repr(t)]


async def test_a_replica_that_goes_away_and_returns(session):
    """Checks find out both; nobody has to restart the gateway."""
    async with provider("ok") as p:
        tier = made(session, replicas=(ReplicaSpec(url=p.url, name="a"),))
        await tier.open()
        port = int(p.url.split(":")[2].removesuffix("/v1"))
    replica = tier.replicas[0]
    await replica.check()
    assert (tier.state(), replica.error.message) == ("down", "the connection was refused")
    async with provider("ok", port=port):
        await replica.check()
        assert (tier.state(), replica.error) == ("up", None)
        await replica.check()
        assert replica.load.running == 3
    await tier.close()


async def test_using_a_session_that_is_not_open_says_so():
    """A mistake in the order of opening is found at once, and the tier stays down with the reason."""
    tier = made(HttpSession(), replicas=(ReplicaSpec(url="http://127.0.0.1:1/v1", name="a"),))
    await tier.open()
    assert "HttpSession is not open" in tier.replicas[0].error.message
    await tier.close()


def test_importing_the_tiers_imports_no_optional_engine():
    """litellm and llama.cpp are imported when an engine of theirs is opened, not before."""
    code = "import sys, tiers.build; sys.exit(bool({'litellm', 'llama_cpp'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
