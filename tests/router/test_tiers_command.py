"""`tiergate tiers` against a running gateway."""

import asyncio
import json

from typer.testing import CliRunner

from router.cli.main import app
from tests.router.gateway import gateway
from tiers.types import Load


async def tiergate(running, *words):
    """The command's exit code and output, run beside the gateway."""
    arguments = ["tiers", *words, "--url", running.url]
    result = await asyncio.to_thread(CliRunner().invoke, app, arguments)
    return result.exit_code, result.output


def line(output, replica):
    return next(one.split() for one in output.splitlines() if one.startswith("short") and replica in one)


async def test_the_list_shows_load_and_state(tmp_path):
    """Requests and tokens of ours, the engine's own word, `-` where it says nothing, and what waits."""
    async with gateway(tmp_path) as running:
        tier = running.services.snapshot.tiers["short"]
        (replica,) = tier.replicas
        replica.gauges.read(Load(running=3, kv_cache=0.25))
        tier.queued = 5
        with replica.lease(700):
            code, output = await tiergate(running, "list")
        assert (code, line(output, replica.name)[2:]) == (0, ["reserved", "up", "1", "700", "3", "-", "25%", "5"])
        code, output = await tiergate(running, "list", "--json")
        assert {entry["inflight_tokens"] for entry in json.loads(output)} == {0}


async def test_the_list_says_why_a_replica_is_out_and_for_how_long(tmp_path):
    """`ejected` with the seconds until it is tried again."""
    async with gateway(tmp_path) as running:
        (replica,) = running.services.snapshot.tiers["short"].replicas
        replica.breaker.trip()
        _, output = await tiergate(running, "list")
        assert line(output, replica.name)[3] == "ejected"
        assert 0 < int(line(output, replica.name)[4]) <= 5


async def test_drain_undrain_and_interrupt_are_seen_at_once(tmp_path):
    """Each answers with the states that follow; an unknown replica is one line and exit code 1."""
    async with gateway(tmp_path) as running:
        (replica,) = running.services.snapshot.tiers["short"].replicas
        for command, state in (("drain", "drained"), ("undrain", "up"), ("interrupt", "drained")):
            code, output = await tiergate(running, command, "short", replica.name)
            assert (code, line(output, replica.name)[3]) == (0, state)
        assert "(interrupted)" in output
        assert (await tiergate(running, "drain", "short", "nobody"))[0] == 1
