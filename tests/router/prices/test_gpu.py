"""The economics of own GPUs: two bases, idle time, break-even."""

from dataclasses import replace
from decimal import Decimal

import pytest

from policies.load import loads
from router.meter.store import Piece
from router.money import Price
from router.prices.gpu import HOUR_NS, break_even, by_hour, by_tier
from router.prices.quote import Throughput

CONFIG = loads(
    "tiers: {short: {engine: vllm, model: m, replicas: [{url: 'http://h/v1'}],"
    " gpu: {kind: A, count: 2, usd_per_hour: 1.8, tokens_per_second: 1000, rates: {spot: 0.9}}}}",
    "f.yaml",
    {},
)
GPU = CONFIG.tiers["short"].gpu
FULL = Piece("short", "a", "vllm", "reserved", 0, HOUR_NS, 1_000_000, 800_000, HOUR_NS // 2, HOUR_NS, 0)


def test_idle_time_costs_on_the_allocated_basis():
    """3.60 USD for an hour over 1.8 million tokens is 2 USD per million; half of it was idle."""
    (hour,) = by_hour([FULL], CONFIG, {})
    assert (hour.cost_nusd, hour.allocated_nusd_per_million) == (3_600_000_000, 2_000_000_000)
    assert (hour.idle_share, hour.idle_nusd) == (0.5, 1_800_000_000)


def test_a_spot_replica_is_paid_while_it_is_up_and_a_reserved_one_always():
    """Each at the rate of its class."""
    down = replace(FULL, up_ns=HOUR_NS // 4, busy_ns=0)
    (reserved,) = by_hour([down], CONFIG, {})
    (spot,) = by_hour([replace(down, kind="spot")], CONFIG, {})
    assert reserved.cost_nusd == 3_600_000_000
    assert spot.cost_nusd == 1_800_000_000 // 4


def test_an_hour_without_tokens_has_no_price_per_token():
    """It has a cost all the same: nothing is divided by 0, nothing is 0."""
    (hour,) = by_hour([replace(FULL, prompt_tokens=0, output_tokens=0, busy_ns=0)], CONFIG, {})
    assert (hour.allocated_nusd_per_million, hour.idle_share, hour.cost_nusd) == (None, 1.0, 3_600_000_000)


def test_the_ledger_counts_for_engines_that_do_not():
    """Tokens of the hour by the ledger where a replica has no counters."""
    (hour,) = by_hour([replace(FULL, output_tokens=None)], CONFIG, {("short", 0): (70, 30)})
    assert (hour.prompt_tokens, hour.output_tokens) == (70, 30)


def test_hours_and_replicas_add_up():
    """One row for each hour and tier; a tier's total is the sum of its hours."""
    second = replace(FULL, replica="b")
    later = replace(FULL, from_ns=HOUR_NS, until_ns=2 * HOUR_NS)
    hours = by_hour([FULL, second, later], CONFIG, {})
    assert [(hour.start_ns, hour.output_tokens) for hour in hours] == [(0, 1_600_000), (HOUR_NS, 800_000)]
    assert by_tier(hours)["short"].cost_nusd == 3 * 3_600_000_000


def test_break_even_is_where_an_hour_costs_the_same():
    """3.60 USD an hour against 1 and 3 USD per million, half and half: 1.8 million tokens an hour, half of capacity."""
    found = break_even(GPU, "managed", Price.of(input=Decimal(1), output=Decimal(3)), prompt_share=0.5)
    assert (found.tokens_per_hour, found.utilisation) == (pytest.approx(1_800_000), pytest.approx(0.5))
    unrated = GPU.model_copy(update={"tokens_per_second": None})
    dear = Price.of(input=Decimal(1), output=Decimal(3))
    assert break_even(unrated, "managed", dear, prompt_share=0.5).utilisation is None
    measured = break_even(unrated, "m", dear, prompt_share=0.5, measured=Throughput(500.0))
    assert measured.utilisation == pytest.approx(1.0)
