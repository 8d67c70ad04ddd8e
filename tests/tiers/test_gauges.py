"""An engine's gauges count while they are fresh; what it does not say holds nobody back and flatters nobody."""

from dataclasses import asdict
from pathlib import Path

import pytest

from tests.tiers.fleets import Clock
from tiers.engines.registry import DIALECTS
from tiers.gauges import STALE_S, Gauges
from tiers.scrape import read_load
from tiers.types import Limits, Load

WIRE = Path(__file__).parents[1] / "wire"
LIMITS = Limits(max_inflight=64, max_kv_cache=0.8, max_waiting=16)
PRINTED = [
    ("vllm", "vllm/metrics.txt"),
    ("sglang", "sglang/metrics.written.txt"),
    ("llama-server", "llama_server/metrics.written.txt"),
    ("triton", "triton/metrics.written.txt"),
]


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def gauges(clock):
    return Gauges(LIMITS, clock)


@pytest.mark.parametrize("load", [Load(kv_cache=0.81), Load(waiting=17)])
def test_over_a_limit_and_no_longer(gauges, clock, load):
    """A gauge counts until it is stale; then it is unknown, which is neither full nor idle."""
    gauges.read(load)
    assert (gauges.over, gauges.load) == (True, load)
    clock.now += STALE_S
    assert gauges.over
    clock.now += 0.1
    assert (gauges.over, gauges.load, gauges.pressure) == (False, None, 0.5)


def test_a_scrape_that_fails_forgets_what_was_read_before(gauges):
    """It is not taken for what it said ten seconds ago."""
    gauges.read(Load(kv_cache=0.99))
    gauges.read(None)
    assert (gauges.over, gauges.load, gauges.pressure) == (False, None, 0.5)


@pytest.mark.parametrize(
    ("load", "pressure"),
    [
        (Load(), 0.5),
        (Load(running=3), 0.5),
        (Load(running=0, waiting=0), 0.0),
        (Load(running=64, waiting=16), 1.0),
        (Load(kv_cache=0.4), 0.5),
        (Load(kv_cache=0.8, running=0, waiting=0), 1.0),
    ],
)
def test_pressure_is_the_fullest_of_what_is_known(gauges, load, pressure):
    """As a share of the limit; nothing known is half."""
    gauges.read(load)
    assert gauges.pressure == pressure


@pytest.mark.parametrize(("engine", "page"), PRINTED)
def test_a_renamed_metric_is_absent_and_changes_no_other(engine, page):
    """For each gauge of each engine that is recorded: under another name it is unknown, and never 0."""
    text, named = (WIRE / page).read_text(), DIALECTS[engine].gauges
    whole = asdict(read_load(text, named))
    for gauge in whole:
        renamed = text
        for name in getattr(named, gauge):
            renamed = renamed.replace(
                name.partition("{")[0] if "{" not in name else name[name.index("{") + 1 : -1], "x"
            )
        left = asdict(read_load(renamed, named))
        assert left[gauge] is None
        assert {k: v for k, v in left.items() if k != gauge} == {k: v for k, v in whole.items() if k != gauge}
