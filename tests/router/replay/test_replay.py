"""Replay: the same configuration moves nothing, another moves what it should, and the figures follow."""

import dataclasses
import time

import pytest

from policies.load import loads
from policies.schema import Config
from policies.types import Facts
from router.replay.latency import fitted
from router.replay.recorded import facts_again, facts_of
from router.replay.report import plain, replay, with_threshold
from tests.router.gateway import Running, chat, gateway

STRAIGHT = {"x-tiergate-tags": "go=straight"}
DRAFT = {"x-tiergate-tags": "go=draft"}
RULE = "- {name: straight, when: {tag.go: straight}, use: [short, long]}"
UNSURE = {"edge": {"reply": "a b c d e f g h", "logprob": -3.0}}


def config(running: Running, old: str = "", new: str = "") -> Config:
    text = running.config.read_text()
    assert old in text
    return loads(text.replace(old, new), "new.yaml", {})


async def traffic(running: Running) -> None:
    """Classified, by rule, drafted, pinned, repeated and refused requests."""
    for text in ("What is 2 plus 2?", "Write a long essay on the history of Rome.", "def f(x):\n    return x"):
        await running.post(chat(text), headers={"x-tiergate-cache": "off"})
        await running.post(chat(text, stream=True), headers={"x-tiergate-cache": "off"})
    await running.post(chat("by rule"), headers=STRAIGHT)
    await running.post(chat("drafted"), headers=DRAFT)
    await running.post(chat("pinned", model="long"))
    for _ in range(2):
        await running.post(chat("twice", temperature=0))
    await running.post(chat("none", model="nobody"))
    await running.services.ledger.flush()


def again(running: Running, new: Config):
    return replay(running.config.parent / "ledger.db", new, since_ns=0, until_ns=time.time_ns())


@pytest.mark.parametrize("fakes", [{}, UNSURE])
async def test_the_same_configuration_moves_nothing(tmp_path, fakes):
    """Decisions are made again on the fleet as it was, so that they are the same ones."""
    async with gateway(tmp_path, fakes) as running:
        await traffic(running)
        report = again(running, config(running))
        assert (report.moved, report.replayed) == (0, 10)
        assert dataclasses.asdict(report.before) == dataclasses.asdict(report.after)
        assert report.skipped == {"answered from the cache": 1}


async def test_a_replay_is_deterministic(tmp_path):
    """The same ledger and configuration give the same report."""
    async with gateway(tmp_path) as running:
        await traffic(running)
        new = config(running, RULE, RULE.replace("short, ", ""))
        until_ns = time.time_ns()
        reports = [replay(tmp_path / "ledger.db", new, since_ns=0, until_ns=until_ns) for _ in range(2)]
        assert plain(reports[0]) == plain(reports[1])


async def test_a_changed_rule_moves_what_it_matches(tmp_path):
    """Each move has its way, its reason and the same tokens at the new tier's price."""
    async with gateway(tmp_path) as running:
        await traffic(running)
        report = again(running, config(running, RULE, RULE.replace("short, ", "")))
        assert dict(report.ways) == {("short", "long"): 1}
        (move,) = report.sample
        assert move.why == "rule straight"
        assert move.cost_after_nusd == 10 * move.cost_before_nusd, "long costs ten times what short costs"
        assert report.after.cost_nusd - report.before.cost_nusd == 9 * move.cost_before_nusd
        assert report.after.tiers["long"] == report.before.tiers["long"] + 1


async def test_a_higher_bar_moves_to_better_tiers(tmp_path):
    """The what-if of the threshold: nothing less good is chosen, and nothing gets cheaper."""
    async with gateway(tmp_path) as running:
        await traffic(running)
        lowest, highest = (
            again(running, with_threshold(config(running), "default", quality=bar)).after for bar in (0.01, 1.0)
        )
        assert highest.mean_quality >= lowest.mean_quality
        assert highest.cost_nusd >= lowest.cost_nusd


async def test_a_draft_that_was_kept_stays_under_an_easier_bar(tmp_path):
    """Only a harder one puts it in doubt; then it is expected to be kept as often as its tier is right."""
    async with gateway(tmp_path, {"edge": {"reply": "Paris.", "logprob": -0.01}}) as running:
        await running.post(chat(), headers=DRAFT)
        await running.services.ledger.flush()
        now = config(running)
        assert again(running, with_threshold(now, "default", accept=0.1)).moved == 0
        assert again(running, with_threshold(now, "default", accept=0.99)).moved == 1


async def test_what_cannot_be_decided_again_is_told(tmp_path):
    """A model that is gone, and a rule that is gone where nothing was predicted."""
    async with gateway(tmp_path) as running:
        await running.post(chat(model="edge"))
        await running.post(chat(), headers=STRAIGHT)
        await running.services.ledger.flush()
        new = config(running, RULE, "")
        gone = new.model_copy(update={"models": {"auto": new.models["auto"]}})
        assert again(running, gone).skipped == {"no such model": 1, "no prediction was recorded": 1}


async def test_another_price_is_another_spend_only_for_what_moves(tmp_path):
    """What stays where it was costs what it cost; an unknown price is an unknown cost."""
    async with gateway(tmp_path) as running:
        await traffic(running)
        text = running.config.read_text().replace(RULE, RULE.replace("short, ", ""))
        text = text.replace("price: {input: 100, output: 200},", "")
        report = again(running, loads(text, "new.yaml", {}))
        assert report.after.unknown_cost >= 1 and report.before.unknown_cost == 0


def test_latency_is_a_beginning_and_so_much_a_token():
    """Exactly, where answers lie on a line; the mean, where lengths do not differ; never below zero."""
    points = [(10, 1.5), (20, 2.0), (40, 3.0)]
    on_line = fitted(3, 70, 6.5, sum(x * x for x, _ in points), sum(x * y for x, y in points))
    assert (on_line.base_s, on_line.per_token_s) == (pytest.approx(1.0), pytest.approx(0.05))
    assert fitted(2, 20, 4.0, 200, 40).seconds(10) == pytest.approx(2.0)
    assert fitted(2, 30, 1.0, 500, 19).base_s >= 0


def test_every_fact_is_read_again():
    """A fact that is kept but not read would be another one in the replay."""
    facts = Facts(
        path="/p", model="m", prompt_tokens=7, turns=3, has_code=True, has_tools=True, has_images=True, wants_json=True,
        wants_logprobs=True, language="de", stream=True, n=2, max_tokens=9, tags={"a": "b"}, team="t",
        user="u", key="k", hour=5, weekday=6,
    )  # fmt: skip
    row = {
        "path": "/p", "client_model": "m", "tags": '{"a": "b"}', "team": "t", "user": "u", "key_id": "k",
    }  # fmt: skip
    assert facts_again(row, facts_of(facts, None)) == facts
