"""The way of a request, seen from the caller's side and from the ledger's."""

import asyncio

import aiohttp
import pytest

from router.ledger.read import recent
from router.ledger.sums import sums
from router.observe.events import AttemptEnded, Escalated, FellBack, RequestEnded
from tests.router.gateway import CHAT, Running, chat, gateway

DRAFT = {"x-tiergate-tags": "go=draft"}
STRAIGHT = {"x-tiergate-tags": "go=straight"}


async def rows(running: Running) -> list[dict]:
    """The ledger's requests, newest first, each with what was tried for it."""
    await running.services.ledger.flush()
    return recent(running.config.parent / "ledger.db", 50)


async def test_a_pinned_model_is_answered_by_its_tier(tmp_path):
    """The model's name pins the tier; headers say who answered, why and for how much."""
    async with gateway(tmp_path) as running:
        reply = await running.post(chat(model="short"))
        assert (reply.status, reply.text) == (200, "I am short.")
        assert reply.headers["x-tiergate-tier"] == "short"
        assert reply.headers["x-tiergate-model"] == "toy-short"
        assert reply.headers["x-tiergate-decision"] == "pinned"
        assert reply.headers["x-tiergate-attempts"] == "1"
        assert float(reply.headers["x-tiergate-cost-usd"]) > 0
        assert reply.headers["x-request-id"]


async def test_a_stream_carries_the_same_text_and_ends_in_done(tmp_path):
    """Streamed and whole answers say the same; the usage chunk comes only when asked for."""
    async with gateway(tmp_path) as running:
        plain = await running.post(chat(model="long", stream=True))
        asked = await running.post(chat(model="long", stream=True, stream_options={"include_usage": True}))
        assert plain.text == asked.text == "I am long."
        assert plain.events[-1] == asked.events[-1] == b"[DONE]"
        assert all(chunk["choices"] for chunk in plain.chunks)
        assert asked.chunks[-1]["choices"] == [] and asked.chunks[-1]["usage"]["completion_tokens"] == 3


async def test_the_cost_of_a_stream_is_in_its_usage_chunk(tmp_path):
    """`x-tiergate-usage: 1` adds the `tiergate` object, equal to what the ledger holds."""
    async with gateway(tmp_path) as running:
        reply = await running.post(chat(model="long", stream=True), headers={"x-tiergate-usage": "1"})
        told = reply.chunks[-1]["tiergate"]
        (row,) = await rows(running)
        assert told["tier"] == "long"
        assert round(float(told["cost_usd"]) * 1e9) == row["cost_nusd"] > 0


@pytest.mark.parametrize("stream", [False, True])
async def test_a_sure_draft_is_the_answer(tmp_path, stream):
    """A confident draft is served by the first tier and nothing else is called."""
    async with gateway(tmp_path, {"edge": {"reply": "Paris.", "logprob": -0.01}}) as running:
        reply = await running.post(chat(stream=stream), headers=DRAFT)
        assert (reply.text, reply.headers["x-tiergate-tier"]) == ("Paris.", "edge")
        assert [a["kind"] for a in (await rows(running))[0]["tried"]] == ["draft"]


@pytest.mark.parametrize("stream", [False, True])
async def test_an_unsure_draft_is_never_seen(tmp_path, stream):
    """A doubtful draft is thrown away, paid for, and the next tier's answer is the only one that the caller sees."""
    async with gateway(tmp_path, {"edge": {"reply": "a b c d e f g h", "logprob": -3.0}}) as running:
        reply = await running.post(chat(stream=stream), headers=DRAFT)
        assert (reply.text, reply.headers["x-tiergate-tier"]) == (
            "I am short." if not stream else reply.text,
            "short",
        )
        (row,) = await rows(running)
        assert [(a["kind"], a["outcome"]) for a in row["tried"]] == [
            ("draft", "rejected"),
            ("escalation", "ok"),
        ]
        assert 0 < row["tried"][0]["output_tokens"] < 8, "the draft is stopped when it is rejected"
        assert row["cost_nusd"] == sum(a["cost_nusd"] for a in row["tried"])
        assert len(running.of(Escalated)) == 1


async def test_log_probabilities_of_a_draft_are_shown_only_to_who_asked(tmp_path):
    """What Tiergate adds to a request for its own judgement does not leak into the answer."""
    async with gateway(tmp_path, {"edge": {"reply": "Paris is it", "logprob": -0.01}}) as running:
        hidden = await running.post(chat(stream=True), headers=DRAFT)
        whole = await running.post(chat("other"), headers=DRAFT)
        shown = await running.post(chat(stream=True, logprobs=True), headers=DRAFT)
        assert not any(choice.get("logprobs") for chunk in hidden.chunks for choice in chunk["choices"])
        assert not whole.json["choices"][0].get("logprobs")
        assert any(choice.get("logprobs") for chunk in shown.chunks for choice in chunk["choices"])
        assert not any("usage" in chunk and chunk["usage"] for chunk in hidden.chunks)


@pytest.mark.parametrize("fail", ["503", "unreachable", "timeout", "500", "429", "401"])
@pytest.mark.parametrize("stream", [False, True])
async def test_a_failing_tier_falls_back(tmp_path, fail, stream):
    """A failure before the first byte goes to the next candidate; both attempts are in the ledger."""
    async with gateway(tmp_path, {"short": {"fail": fail}}) as running:
        reply = await running.post(chat(stream=stream), headers=STRAIGHT)
        assert reply.status == 200 and reply.headers["x-tiergate-tier"] == "long"
        assert reply.headers["x-tiergate-attempts"] == "2"
        (row,) = await rows(running)
        assert [a["kind"] for a in row["tried"]] == ["primary", "fallback"]
        assert len(running.of(FellBack)) == 1


async def test_all_candidates_down_is_one_clear_error(tmp_path):
    """Every attempt is named; the ledger has the failed request."""
    down = {"short": {"fail": "503"}, "long": {"fail": "unreachable"}, "edge": {"fail": "500"}}
    async with gateway(tmp_path, down) as running:
        reply = await running.post(chat(), headers=STRAIGHT)
        assert reply.status in (502, 503, 504)
        assert "short" in reply.json["error"]["message"] and "long" in reply.json["error"]["message"]
        assert (await rows(running))[0]["status"] == reply.status


async def test_a_stream_that_breaks_ends_in_an_error_event(tmp_path):
    """No `[DONE]` after a cut: the caller can tell a broken answer from a whole one."""
    async with gateway(tmp_path, {"short": {"reply": "one two three four five six", "fail": "cut"}}) as running:
        reply = await running.post(chat(model="short", stream=True))
        assert reply.events[-1] != b"[DONE]" and "error" in reply.chunks[-1]
        (row,) = await rows(running)
        assert (row["status"], row["error_code"], row["tried"][0]["outcome"]) == (502, "stream_cut", "cut")
        assert row["tried"][0]["output_tokens"] > 0


async def test_the_caller_leaves_in_mid_stream(tmp_path):
    """The engine is told to stop, the attempt is settled as cancelled, the request as 499."""
    slow = {"short": {"reply": "word", "tokens": 2000, "token_s": 0.005}}
    async with gateway(tmp_path, slow) as running:
        async with running.client.post(running.url + CHAT, json=chat(model="short", stream=True)) as reply:
            await reply.content.readany()
        ended = await _ended(running)
        assert ended.row.status == 499
        assert running.fakes["short"][0].running == 0
        (row,) = await rows(running)
        assert row["tried"][0]["outcome"] == "cancelled" and row["tried"][0]["output_tokens"] < 2000


async def test_the_caller_leaves_before_a_whole_answer(tmp_path):
    """A call that nobody waits for any more is cancelled upstream too."""
    async with gateway(tmp_path, {"short": {"tokens": 2000, "token_s": 0.01}}) as running:
        impatient = aiohttp.ClientTimeout(total=0.2)
        with pytest.raises(TimeoutError):
            await running.client.post(running.url + CHAT, json=chat(model="short"), timeout=impatient)
        assert (await _ended(running)).row.status == 499
        assert running.fakes["short"][0].running == 0


async def test_a_repeated_request_is_a_hit_also_as_a_stream(tmp_path):
    """The second time costs nothing, whichever way it is asked; another team gets its own answer."""
    async with gateway(tmp_path) as running:
        team_a, team_b = {"x-tiergate-tags": "team=a"}, {"x-tiergate-tags": "team=b"}
        first = await running.post(chat(), headers=team_a)
        again = await running.post(chat(), headers=team_a)
        streamed = await running.post(chat(stream=True), headers=team_a)
        other = await running.post(chat(), headers=team_b)
        kinds = [reply.headers["x-tiergate-cache"] for reply in (first, again, streamed, other)]
        assert kinds == ["miss", "hit", "hit", "miss"]
        assert first.text == again.text == streamed.text
        assert again.headers["x-tiergate-cost-usd"] == "0"
        found = [row["tried"] for row in await rows(running) if row["cache"] == "hit"]
        assert [(a["kind"], a["cost_nusd"]) for (a,) in found] == [("cache_hit", 0)] * 2
        off = await running.post(chat(), headers={**team_a, "x-tiergate-cache": "off"})
        assert off.headers["x-tiergate-cache"] == "off"


async def test_spend_is_the_sum_of_what_callers_were_told(tmp_path):
    """The headers' costs and the ledger agree to the nano-dollar."""
    async with gateway(tmp_path) as running:
        told = [await running.post(chat(f"question {n}", model=model)) for n in range(5) for model in ("short", "long")]
        await running.services.ledger.flush()
        total = sum(row.attempts.cost_nusd for row in sums(tmp_path / "ledger.db", by=("tier",)))
        assert total == sum(round(float(reply.headers["x-tiergate-cost-usd"]) * 1e9) for reply in told) > 0


async def test_every_attempt_that_began_ended(tmp_path):
    """Whatever happens to a request, each of its attempts is settled once and the request has one row."""
    fakes = {"edge": {"logprob": -3.0, "tokens": 9}, "short": {"fail": "503"}}
    async with gateway(tmp_path, fakes) as running:
        for n in range(10):
            await running.post(chat(f"question {n}", stream=n % 2 == 0), headers=DRAFT)
        ends = running.of(AttemptEnded)
        assert len({end.reservation.attempt_id for end in ends}) == len(ends)
        assert len(running.of(RequestEnded)) == 10
        assert all(tier.inflight == 0 for tier in running.services.snapshot.tiers.values())


async def _ended(running: Running) -> RequestEnded:
    """The first request's end, waited for without guessing how long it takes."""
    async with asyncio.timeout(5):
        while not running.of(RequestEnded):
            await asyncio.sleep(0.01)
    return running.of(RequestEnded)[0]
