"""Savings: what each request would have cost on the baseline, and that its parts add up."""

import pytest

from router.observe.events import RequestEnded
from tests.router.gateway import THREE_TIERS, Running, chat, gateway

STRAIGHT = {"x-tiergate-tags": "go=straight"}
DRAFT = {"x-tiergate-tags": "go=draft"}
SHORT, LONG = "price: {{input: 10, output: 20}},", "price: {{input: 100, output: 200}},"
SURE, UNSURE = {"reply": "Paris.", "logprob": -0.01}, {"reply": "a b c d e f g h", "logprob": -3.0}


def last(running: Running):
    return running.of(RequestEnded)[-1].row


def adds_up(row) -> bool:
    return sum(row.saved.values()) == row.baseline_nusd - row.cost_nusd


async def test_a_cheaper_tier_saves_by_routing(tmp_path):
    """Against the dearest tier that was considered: short is a tenth of long's price."""
    async with gateway(tmp_path) as running:
        await running.post(chat(), headers=STRAIGHT)
        row = last(running)
        assert row.baseline_nusd == 10 * row.cost_nusd
        assert dict(row.saved) == {"routing": 9 * row.cost_nusd}
        assert row.facts["baseline"] == "long"


async def test_a_kept_draft_saves_by_the_cascade(tmp_path):
    """The draft answered, so the saving is the cascade's."""
    async with gateway(tmp_path, {"edge": SURE}) as running:
        await running.post(chat(), headers=DRAFT)
        assert list(last(running).saved) == ["cascade"] and last(running).saved["cascade"] > 0
        assert adds_up(last(running))


async def test_a_thrown_away_draft_is_the_cascade_s_loss(tmp_path):
    """What it cost is told below zero, and in a counter of its own; no row costs less than nothing."""
    async with gateway(tmp_path, {"edge": UNSURE}) as running:
        await running.post(chat(), headers=DRAFT)
        row = last(running)
        assert row.saved["cascade"] < 0 < row.saved["routing"]
        assert adds_up(row) and row.cost_nusd > 0
        metrics = (await running.get("/metrics")).body.decode()
        assert f'tiergate_lost_usd_total{{reason="cascade"}} {-row.saved["cascade"] / 1e9}' in metrics


async def test_a_repeated_answer_saves_what_it_had_cost(tmp_path):
    """The exact cache saves the routed answer's cost; the way from there to the baseline stays routing's."""
    async with gateway(tmp_path) as running:
        for _ in range(2):
            await running.post(chat(temperature=0), headers=STRAIGHT)
        first, again = (event.row for event in running.of(RequestEnded))
        assert (again.cache, again.cost_nusd) == ("hit", 0)
        assert dict(again.saved) == {"routing": first.saved["routing"], "exact": first.cost_nusd}
        assert adds_up(again)


async def test_cached_input_saves_by_its_lower_price(tmp_path):
    """The same tokens without the prefix cache, less what was paid."""
    cheaper = THREE_TIERS.replace(SHORT, SHORT.replace("output", "cached_input: 1, output"))
    async with gateway(tmp_path, {"short": {"reply": "x", "cached": 4}}, config=cheaper) as running:
        await running.post(chat(), headers=STRAIGHT)
        assert last(running).saved["prefix"] == 4 * 9_000
        assert adds_up(last(running))


async def test_the_owner_s_baseline_counts(tmp_path):
    """A named baseline is compared with even where it is cheaper than what answered; that saving is below zero."""
    async with gateway(tmp_path, more="savings: {baseline: edge}") as running:
        await running.post(chat(), headers=STRAIGHT)
        row = last(running)
        assert row.facts["baseline"] == "edge" and row.saved["routing"] < 0
        assert adds_up(row)


async def test_a_pinned_request_saves_nothing_by_routing(tmp_path):
    """Whoever names the tier decided it; nothing was routed."""
    async with gateway(tmp_path) as running:
        await running.post(chat(model="edge"))
        assert dict(last(running).saved) == {"routing": 0}


async def test_a_spot_replica_s_rate_is_routing_s_saving(tmp_path):
    """What the answering replica itself costs counts; a lower rate is nothing that a prefix cache saved."""
    spot = "gpu: {{kind: A, usd_per_hour: 36, tokens_per_second: 1000, rates: {{spot: 18}}}},"
    config = THREE_TIERS.replace(SHORT, spot).replace(
        'http://127.0.0.1:9/v1"', 'http://127.0.0.1:9/v1", class: spot', 1
    )
    async with gateway(tmp_path, config=config) as running:
        await running.post(chat(), headers=STRAIGHT)
        assert list(last(running).saved) == ["routing"]
        assert last(running).cost_nusd % 5_000 == 0, "18 USD/h at 1,000 tokens a second are 5,000 nUSD a token"
        assert adds_up(last(running))


@pytest.mark.parametrize("tier", ["short", "long"])
async def test_what_is_unknown_is_not_saved(tmp_path, tier):
    """Without the price of the tier that answered, or of every dearer one, no figure is made up."""
    unpriced = THREE_TIERS.replace({"short": SHORT, "long": LONG}[tier], "")
    async with gateway(tmp_path, config=unpriced, more="savings: {baseline: long}") as running:
        await running.post(chat(), headers=STRAIGHT)
        assert dict(last(running).saved) == {}
        assert (last(running).baseline_nusd is None) == (tier == "long")


async def test_a_request_that_nobody_answered_is_compared_with_nothing(tmp_path):
    """There is no answer whose tokens could be priced elsewhere."""
    broken = {"fail": "unreachable"}
    async with gateway(tmp_path, {"edge": broken, "short": broken, "long": broken}) as running:
        reply = await running.post(chat(), headers=STRAIGHT)
        assert reply.status >= 500
        assert (last(running).baseline_nusd, dict(last(running).saved)) == (None, {})


async def test_an_answer_that_two_engines_wrote_adds_up(tmp_path):
    """What the first one had written is paid twice, once there and once as the other's prompt: routing's loss."""
    fakes = {"short": {"reply": "one two three four", "fail": "cut"}, "long": {"reply": "one two three four five"}}
    async with gateway(tmp_path, fakes) as running:
        await running.post(chat(stream=True, temperature=0), headers=STRAIGHT)
        row = last(running)
        assert row.attempts == 2 and set(row.saved) == {"routing"}
        assert adds_up(row)
