"""The fake engine answers like an OpenAI server and does as its script says."""

import asyncio

import orjson
import pytest

from tests.tiers.conftest import chat
from tiers.errors import Broken, EngineFailed, Misconfigured, Overloaded, TimedOut, Unreachable
from tiers.fake import FakeEngine
from tiers.types import Call, TierSpec


def fake(sleep=asyncio.sleep, **options):
    return FakeEngine(TierSpec("t", "fake", "fake-1", options=options), sleep=sleep)


async def streamed(engine, call):
    data = b"".join([chunk async for chunk in await engine.stream(call)])
    events = data.decode().split("\n\n")
    assert events[-2:] == ["data: [DONE]", ""]
    return [orjson.loads(event.removeprefix("data: ")) for event in events[:-2]]


async def test_it_says_that_it_is_a_fake_and_repeats_the_question():
    """Nobody takes it for a model, and the same question gives the same bytes."""
    first, second = [await fake().complete(chat()) for _ in range(2)]
    assert first.body == second.body
    message = orjson.loads(first.body)["choices"][0]["message"]
    assert message == {"role": "assistant", "content": "This is a fake answer to: hello"}


async def test_a_stream_adds_up_to_the_whole_answer():
    """Text, finish reason, usage and model are the same both ways."""
    engine = fake(reply="one two three", tokens=5)
    whole = orjson.loads((await engine.complete(chat())).body)
    chunks = await streamed(engine, chat(stream=True))
    text = "".join(c["choices"][0]["delta"].get("content", "") for c in chunks[:-1])
    assert text == whole["choices"][0]["message"]["content"] == "one two three one two"
    assert chunks[-2]["choices"][0]["finish_reason"] == whole["choices"][0]["finish_reason"] == "stop"
    assert chunks[-1]["usage"] == whole["usage"]
    assert whole["usage"] == {"prompt_tokens": 1, "completion_tokens": 5, "total_tokens": 6}
    assert chunks[-1]["choices"] == []


@pytest.mark.parametrize("field", ["max_tokens", "max_completion_tokens"])
async def test_the_callers_limit_cuts_and_says_so(field):
    """The finish reason is `length`."""
    whole = orjson.loads((await fake(tokens=9).complete(chat(**{field: 3}))).body)
    assert whole["usage"]["completion_tokens"] == 3
    assert whole["choices"][0]["finish_reason"] == "length"


async def test_logprobs_come_when_asked():
    """One per token, with the scripted value, in both APIs' shapes."""
    engine = fake(reply="a b", logprob=-0.5)
    chunks = await streamed(engine, chat(stream=True, logprobs=True))
    said = [c["choices"][0]["logprobs"]["content"][0] for c in chunks[:2]]
    assert [(t["token"], t["logprob"]) for t in said] == [("a", -0.5), (" b", -0.5)]
    call = Call("/v1/completions", {"prompt": "x", "logprobs": 1}, False, "r")
    choice = orjson.loads((await engine.complete(call)).body)["choices"][0]
    assert choice["text"] == "a b"
    assert choice["logprobs"]["token_logprobs"] == [-0.5, -0.5]
    assert choice["logprobs"]["text_offset"] == [0, 1]


async def test_embeddings_depend_on_the_text_alone():
    """Same text same vector, another text another."""
    call = Call("/v1/embeddings", {"input": ["a", "b", "a"]}, False, "r")
    body = orjson.loads((await fake().complete(call)).body)
    a, b, again = (item["embedding"] for item in body["data"])
    assert a == again != b
    assert body["usage"]["prompt_tokens"] == 3


@pytest.mark.parametrize(
    ("fail", "kind"),
    [
        ("503", Overloaded),
        ("429", Overloaded),
        ("500", EngineFailed),
        ("401", Misconfigured),
        ("unreachable", Unreachable),
        ("timeout", TimedOut),
    ],
)
async def test_it_fails_as_it_is_told(fail, kind):
    """Whole and streamed calls fail alike, before an answer begins."""
    engine = fake(fail=fail)
    with pytest.raises(kind):
        await engine.complete(chat())
    with pytest.raises(kind):
        await engine.stream(chat(stream=True))


async def test_a_cut_comes_half_way():
    """The first half arrives, then it breaks."""
    engine = fake(reply="a b c d", fail="cut")
    stream = await engine.stream(chat(stream=True))
    for word in (b'"a"', b'" b"'):
        assert word in await anext(stream)
    with pytest.raises(Broken):
        await anext(stream)
    with pytest.raises(Broken):
        await engine.complete(chat())


async def test_pauses_come_from_the_sleep_that_is_passed_in():
    """First token and later tokens have their own."""
    slept = []

    async def sleep(seconds):
        slept.append(seconds)

    engine = fake(sleep, reply="a b c", first_s=0.5, token_s=0.1)
    await streamed(engine, chat(stream=True))
    assert slept == [0.5, 0.1, 0.1]


async def test_what_runs_is_counted_until_it_ends_or_is_closed():
    """A stream that is closed half-way no longer runs, and gives nothing more."""
    engine = fake()
    stream = await engine.stream(chat(stream=True))
    await anext(aiter(stream))
    assert (await engine.load()).running == 1
    await stream.aclose()
    await stream.aclose()
    assert (await engine.load()).running == 0
    assert [chunk async for chunk in stream] == []
    await streamed(engine, chat(stream=True))
    assert (await engine.load()).running == 0


async def test_it_remembers_what_it_was_asked():
    """Tests of the router look at the calls."""
    engine = fake()
    await engine.complete(chat())
    assert [call.request_id for call in engine.seen] == ["r1"]
