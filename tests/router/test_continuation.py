"""A stream that breaks after the caller has part of it: the caller reads one whole answer, or a clear error."""

import asyncio

import orjson
import pytest

from router.observe.events import FellBack
from tests.faults.exchange import Exchange
from tests.faults.fleet import fleet
from tests.faults.modes import MODES
from tests.router.gateway import CHAT, Reply, chat

SIXTY = " ".join(map(str, range(1, 61)))
BREAKS = ["cut", "cut-reset", "stall", "malformed-event", "error-in-stream"]
LONG = {"stream": True, "max_tokens": 60}


def assert_one_whole_answer(reply: Reply, text: str) -> None:
    """The text once, one id and one model in every chunk, the role once, an end and `[DONE]`."""
    assert reply.status == 200 and reply.text == text
    assert len({(chunk["id"], chunk["model"]) for chunk in reply.chunks}) == 1
    assert reply.body.count(b'"role"') == 1
    assert reply.events[-1] == b"[DONE]" and reply.events.count(b"[DONE]") == 1
    ends = [choice["finish_reason"] for chunk in reply.chunks for choice in chunk["choices"]]
    assert [end for end in ends if end] == ["length"]


@pytest.mark.parametrize("broken", BREAKS)
async def test_the_next_candidate_writes_on(tmp_path, broken):
    """It is shown what came, 40 of 60 tokens or what a reset leaves of them, and asked for the tokens that are left."""
    async with fleet(tmp_path, [broken]) as made:
        reply = await made.ask(**LONG, stream_options={"include_usage": True})
        assert_one_whole_answer(reply, SIXTY)
        assert reply.chunks[-1]["usage"] == {"prompt_tokens": 5, "completion_tokens": 60, "total_tokens": 65}
        row = await made.row()
        assert (row["status"], row["tier"], row["output_tokens"]) == (200, "short", 60)
        first, second = row["tried"]
        assert (first["kind"], second["kind"]) == ("primary", "continuation")
        assert (first["outcome"], second["outcome"]) == ("timeout" if broken == "stall" else "cut", "ok")
        assert first["output_tokens"] == 40 or broken == "cut-reset"
        assert row["cost_nusd"] == first["cost_nusd"] + second["cost_nusd"]
        (asked,) = made.long[0].requests
        said = " ".join(map(str, range(1, first["output_tokens"] + 1)))
        assert asked["messages"][-1] == {"role": "assistant", "content": said}
        assert (asked["continue_final_message"], asked["add_generation_prompt"]) == (True, False)
        assert asked["max_tokens"] == second["output_tokens"] == 60 - first["output_tokens"]


async def test_another_replica_of_the_tier_comes_first(tmp_path):
    """The same model goes on where it can."""
    came: list[str] = []

    async def the_first_is_cut(x: Exchange) -> None:
        came.append(x.name)
        await MODES["ok" if len(came) > 1 else "cut"](x)

    async with fleet(tmp_path, [the_first_is_cut, the_first_is_cut]) as made:
        assert_one_whole_answer(await made.ask(**LONG), SIXTY)
        assert [one.attempts for one in made.short] == [1, 1]


async def test_the_last_resort_is_the_same_replica(tmp_path):
    """A cut connection says little of the engine behind it; where nobody else is left, it goes on itself."""
    async with fleet(tmp_path, ["cut-once"]) as made:
        assert_one_whole_answer(await made.ask(model="short", **LONG), SIXTY)
        assert made.short[0].attempts == 2


@pytest.mark.parametrize("engine", ["openai", "vllm"])
async def test_an_engine_that_cannot_write_on_is_spliced(tmp_path, engine):
    """Its fresh answer begins like what was sent; only what follows is sent on. One that refuses is asked anew."""
    async with fleet(tmp_path, ["cut"], ["refuses-prefill"], engines=("vllm", engine)) as made:
        reply = await made.ask(**LONG, temperature=0, stream_options={"include_usage": True})
        assert_one_whole_answer(reply, SIXTY)
        assert reply.chunks[-1]["usage"]["total_tokens"] == 65
        assert made.long[0].attempts == (1 if engine == "openai" else 2)
        assert "continue_final_message" not in made.long[0].requests[-1]


async def test_a_different_answer_is_never_joined_on(tmp_path):
    """What does not begin with the same words ends in an error event that names each attempt."""
    async with fleet(tmp_path, ["cut"], ["other-words"], engines=("vllm", "openai")) as made:
        reply = await made.ask(**LONG)
        assert reply.text == SIXTY[: len(reply.text)] and b"[DONE]" not in reply.events
        error = reply.chunks[-1]["error"]
        assert error["code"] == "stream_cut"
        assert "short:" in error["message"] and "does not begin like" in error["message"]
        row = await made.row()
        assert (row["status"], row["error_code"]) == (502, "stream_cut")
        assert [a["outcome"] for a in row["tried"]][:2] == ["cut", "cut"]


async def test_all_that_can_break_breaks(tmp_path):
    """No more dispatches than the policy allows, and no short success."""
    async with fleet(tmp_path, ["cut"], ["cut"], fallback="{attempts: 3}") as made:
        reply = await made.ask(**LONG)
        assert b"[DONE]" not in reply.events and reply.chunks[-1]["error"]["code"] == "stream_cut"
        numbers = reply.text.split()
        assert numbers == [str(n + 1) for n in range(len(numbers))] and len(numbers) > 40
        assert made.short[0].attempts + made.long[0].attempts == 3


async def test_a_policy_may_forbid_it(tmp_path):
    """Without `stream_cut` in `fallback.on` the caller is told at once."""
    async with fleet(tmp_path, ["cut"], fallback="{on: [timeout, 429, 5xx]}") as made:
        reply = await made.ask(**LONG)
        assert reply.chunks[-1]["error"]["code"] == "stream_cut"
        assert made.long[0].attempts == 0


async def test_every_choice_is_gone_on_with(tmp_path):
    """Two answers, both cut: each is written on from its own words."""
    async with fleet(tmp_path, ["cut"]) as made:
        reply = await made.ask(**LONG, n=2, stream_options={"include_usage": True})
        texts = ["", ""]
        for chunk in reply.chunks:
            for choice in chunk["choices"]:
                texts[choice["index"]] += choice["delta"].get("content") or ""
        assert texts == [" ".join(str(100 * i + n) for n in range(1, 61)) for i in (0, 1)]
        assert reply.chunks[-1]["usage"]["completion_tokens"] == 120
        assert [asked.get("n") for asked in made.long[0].requests] == [1, 1]


async def test_a_tool_call_that_has_begun_is_spliced(tmp_path):
    """One call with one id, its arguments whole."""
    tools = [{"type": "function", "function": {"name": "count", "parameters": {"type": "object"}}}]
    async with fleet(tmp_path, ["cut"]) as made:
        reply = await made.ask(stream=True, tools=tools, temperature=0)
        deltas = [
            c for chunk in reply.chunks for choice in chunk["choices"] for c in choice["delta"].get("tool_calls", ())
        ]
        assert [d["id"] for d in deltas if "id" in d] == ["calls0-1"]
        assert orjson.loads("".join(d["function"]["arguments"] for d in deltas)) == {"of": "apples", "n": 3}
        assert reply.events[-1] == b"[DONE]"


async def test_log_probabilities_go_on_too(tmp_path):
    """One entry for each token, however many engines wrote them."""
    for engine in ("vllm", "openai"):
        folder = tmp_path / engine
        folder.mkdir()
        async with fleet(folder, ["cut"], engines=("vllm", engine)) as made:
            reply = await made.ask(**LONG, logprobs=True)
            entries = [
                e
                for chunk in reply.chunks
                for c in chunk["choices"]
                for e in (c.get("logprobs") or {}).get("content", ())
            ]
            assert "".join(entry["token"] for entry in entries) == SIXTY


async def test_the_older_api_goes_on_behind_its_prompt(tmp_path):
    """Any engine can; the offsets of its log-probabilities go on as well."""
    async with fleet(tmp_path, ["cut"], engines=("openai", "openai")) as made:
        body = {"model": "auto", "prompt": "Count:", **LONG, "logprobs": 1}
        reply = await made.running.post(body, path="/v1/completions")
        choices = [choice for chunk in reply.chunks for choice in chunk["choices"]]
        assert "".join(choice["text"] for choice in choices) == SIXTY
        assert made.long[0].requests[0]["prompt"] == "Count:" + " ".join(map(str, range(1, 41)))
        offsets = [c["logprobs"]["text_offset"][0] for c in choices if c.get("logprobs")]
        assert offsets[40] == len(" ".join(map(str, range(1, 41))))


async def test_an_answer_with_all_its_tokens_only_wants_its_end(tmp_path):
    """Every token that was allowed came: the end is told, and nobody is asked."""
    async with fleet(tmp_path, ["cut-before-end"]) as made:
        assert_one_whole_answer(await made.ask(**LONG), SIXTY)
        assert made.long[0].attempts == 0


async def test_a_joined_answer_is_not_kept(tmp_path):
    """What two engines wrote is not replayed as the answer of one."""
    async with fleet(tmp_path, ["cut"], cache=True) as made:
        for _ in range(2):
            reply = await made.ask(**LONG, temperature=0)
            assert reply.headers["x-tiergate-cache"] == "miss"


async def test_the_caller_leaves_while_another_goes_on(tmp_path):
    """The second engine is stopped as well, and both attempts are settled."""
    async with fleet(tmp_path, ["cut"], ["slow"]) as made:
        url = made.running.url + CHAT
        async with made.running.client.post(url, json=chat("Count.", **LONG)) as reply:
            async for line in reply.content:
                if b'" 41"' in line:
                    break
        async with asyncio.timeout(5):
            await made.long[0].left.wait()
            while (row := await made.row())["status"] != 499:
                await asyncio.sleep(0.01)
        assert [a["outcome"] for a in row["tried"]] == ["cut", "cancelled"]
        assert all(tier.inflight == 0 for tier in made.running.services.snapshot.tiers.values())


async def test_a_continuation_is_told_like_any_fallback(tmp_path):
    """Listeners learn that the tier was changed, and why."""
    seen: list[object] = []
    async with fleet(tmp_path, ["cut"]) as made:
        made.running.services.bus._listeners += (seen.append,)
        await made.ask(**LONG)
    assert [(e.tier, e.reason) for e in seen if isinstance(e, FellBack)] == [("long", "stream_cut")]
