"""The embedded engine, whole: a tiny model in a process of its own, asked as the gateway asks."""

import asyncio
import json
import os
import select
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import orjson
import pytest
import pytest_asyncio

from benchmarks.edge.random_model import TINY, write
from tiers.base import Stream
from tiers.errors import (
    Broken,
    ContextTooLong,
    EngineFailed,
    Misconfigured,
    Overloaded,
    Refused,
    TierError,
    Unavailable,
    Unsupported,
)
from tiers.llamacpp import EmbeddedEngine
from tiers.types import Call, Limits, TierSpec, Timeouts

pytestmark = pytest.mark.asyncio(loop_scope="module")

CHAT, COMPLETIONS = "/v1/chat/completions", "/v1/completions"
HELLO = {"messages": [{"role": "user", "content": "hello there"}], "temperature": 0, "ignore_eos": True}
WEATHER = {
    "type": "function",
    "function": {
        "name": "weather",
        "parameters": {"type": "object", "properties": {"rain": {"type": "boolean"}}, "required": ["rain"]},
    },
}
ENDLESS = {"max_tokens": 200}


def call(path: str = CHAT, *, stream: bool = False, **body: Any) -> Call:
    base = HELLO if path == CHAT else {"temperature": 0, "ignore_eos": True}
    return Call(path, {"max_tokens": 8, **base, **body}, stream=stream, request_id="r1")


@pytest.fixture(scope="module")
def gguf(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("models") / "tiny.gguf"
    write(path, TINY, quantised=False)
    return path


def spec(gguf: Path, *, max_waiting: int = 32, timeouts: Timeouts | None = None, **options: Any) -> TierSpec:
    return TierSpec(
        name="edge",
        engine="llama.cpp",
        model=str(gguf),
        context=256,
        limits=Limits(max_waiting=max_waiting),
        timeouts=timeouts or Timeouts(),
        options={"threads": 1, "flash_attention": False, **options},
    )


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def engine(gguf: Path) -> AsyncIterator[EmbeddedEngine]:
    made = EmbeddedEngine(spec(gguf))
    await made.open()
    yield made
    await made.close()


@pytest_asyncio.fixture(loop_scope="module")
async def small_engine(gguf: Path) -> AsyncIterator[EmbeddedEngine]:
    """Two slots and room for one to wait."""
    made = EmbeddedEngine(spec(gguf, slots=2, max_waiting=1))
    await made.open()
    yield made
    await made.close()


async def answer(engine: EmbeddedEngine, asked: Call) -> dict[str, Any]:
    return orjson.loads((await engine.complete(asked)).body)


async def events(stream: Stream) -> list[Any]:
    data = b"".join([part async for part in stream])
    lines = [line.removeprefix(b"data: ") for line in data.split(b"\n\n") if line]
    return [line.decode() if line == b"[DONE]" else orjson.loads(line) for line in lines]


def text_of(chunks: list[Any], index: int = 0) -> str:
    choices = [c for chunk in chunks if isinstance(chunk, dict) for c in chunk["choices"] if c["index"] == index]
    return "".join(choice["delta"].get("content") or "" for choice in choices)


async def until_load(engine: EmbeddedEngine, *, running: int, waiting: int) -> None:
    """Ask until the worker has taken up as much; each question waits for the end of a step."""
    while (load := await engine.load()) and (load.running, load.waiting) != (running, waiting):
        pass


async def test_a_stream_says_what_a_whole_answer_says(engine):
    """Role first, then the text, a finish reason, the usage in a chunk of its own, and the end."""
    whole = await answer(engine, call(max_tokens=20))
    chunks = await events(await engine.stream(call(max_tokens=20, stream_options={"include_usage": True})))
    assert chunks[0]["choices"][0]["delta"] == {"role": "assistant", "content": ""}
    assert text_of(chunks) == whole["choices"][0]["message"]["content"]
    assert chunks[-3]["choices"][0]["finish_reason"] == whole["choices"][0]["finish_reason"] == "length"
    assert chunks[-2]["choices"] == []
    assert chunks[-2]["usage"]["completion_tokens"] == whole["usage"]["completion_tokens"] == 20
    assert chunks[-1] == "[DONE]"


async def test_usage_is_only_sent_where_it_was_asked_for(engine):
    """Without `include_usage` every chunk has a choice."""
    chunks = await events(await engine.stream(call()))
    assert all(chunk["choices"] for chunk in chunks[:-1])


async def test_usage_so_far_grows_to_the_whole(engine):
    """With `continuous_usage_stats` a stream that is cut anywhere has been counted; the last count is the whole."""
    options = {"include_usage": True, "continuous_usage_stats": True}
    chunks = await events(await engine.stream(call(max_tokens=20, stream_options=options)))
    counts = [c["usage"]["completion_tokens"] for c in chunks[:-1] if c.get("usage")]
    assert counts == sorted(counts)
    assert (len(counts) > 1, counts[-1]) == (True, 20)


async def test_every_output_token_has_its_log_probability(engine):
    """As many entries as completion tokens, streamed and whole, each with as many alternatives as asked."""
    asked = {"max_tokens": 15, "logprobs": True, "top_logprobs": 3}
    whole = await answer(engine, call(**asked))
    chunks = await events(await engine.stream(call(**asked)))
    entries = whole["choices"][0]["logprobs"]["content"]
    parts = [choice["logprobs"] for chunk in chunks[:-1] for choice in chunk["choices"]]
    streamed = [entry for part in parts if part for entry in part["content"]]
    assert len(entries) == whole["usage"]["completion_tokens"] == 15
    assert [entry["bytes"] for entry in streamed] == [entry["bytes"] for entry in entries]
    for entry in entries:
        assert len(entry["top_logprobs"]) == 3
        assert entry["logprob"] == pytest.approx(entry["top_logprobs"][0]["logprob"])
        assert bytes(entry["bytes"]).decode("utf-8", "replace") == entry["token"]


async def test_completions_have_their_own_shape(engine):
    """Text, and log-probabilities as four lists of one length with offsets into the text."""
    body = await answer(engine, call(COMPLETIONS, prompt="abc", max_tokens=6, logprobs=2))
    (choice,) = body["choices"]
    assert body["object"] == "text_completion"
    assert {len(values) for values in choice["logprobs"].values()} == {6}
    assert choice["logprobs"]["text_offset"][-1] <= len(choice["text"])
    chunks = await events(await engine.stream(call(COMPLETIONS, prompt="abc", max_tokens=6)))
    assert "".join(chunk["choices"][0]["text"] for chunk in chunks[:-1]) == choice["text"]


async def test_n_answers_are_n_choices_of_one_prompt(engine):
    """Each choice has its index and end; the prompt is counted once."""
    body = await answer(engine, call(n=3, temperature=1.5, seed=4))
    one = await answer(engine, call())
    assert [choice["index"] for choice in body["choices"]] == [0, 1, 2]
    assert len({choice["message"]["content"] for choice in body["choices"]}) == 3
    assert body["usage"]["prompt_tokens"] == one["usage"]["prompt_tokens"]
    assert body["usage"]["completion_tokens"] == 24


async def test_many_at_once_get_what_each_would_get_alone(engine):
    """Twenty greedy requests together say what they say one after another."""
    asked = [call(COMPLETIONS, prompt=[7 * i + j for j in range(5 + i)], max_tokens=6) for i in range(20)]
    together = await asyncio.gather(*(answer(engine, one) for one in asked))
    for one, body in zip(asked, together, strict=True):
        alone = await answer(engine, one)
        assert alone["choices"] == body["choices"]


async def test_a_conversation_that_comes_back_reports_cached_tokens(engine):
    """The second request with the same beginning says how many tokens it did not pay time for."""
    prompt = [500 + i for i in range(40)]
    await engine.complete(call(COMPLETIONS, prompt=prompt))
    body = await answer(engine, call(COMPLETIONS, prompt=[*prompt, 1, 2]))
    assert body["usage"]["prompt_tokens"] == 42
    assert body["usage"]["prompt_tokens_details"]["cached_tokens"] == 40


async def test_a_required_tool_is_called(engine):
    """A forced call has the tool's name and arguments that fit its schema, streamed and whole."""
    asked = {"tools": [WEATHER], "tool_choice": "required", "max_tokens": 60, "ignore_eos": False}
    (choice,) = (await answer(engine, call(**asked)))["choices"]
    function = choice["message"]["tool_calls"][0]["function"]
    assert choice["finish_reason"] == "tool_calls"
    assert choice["message"]["content"] is None
    assert function["name"] == "weather"
    assert isinstance(json.loads(function["arguments"])["rain"], bool)
    chunks = await events(await engine.stream(call(**asked)))
    deltas = [d for chunk in chunks[:-1] for d in chunk["choices"][0]["delta"].get("tool_calls", [])]
    assert {delta["index"] for delta in deltas} == {0}
    assert "".join(delta["function"].get("arguments", "") for delta in deltas) == function["arguments"]


async def test_a_refusal_names_the_field(engine):
    """A wrong field, a bad schema and a bad grammar are 400s in OpenAI's shape."""
    schema = {"type": "json_schema", "json_schema": {"schema": {"type": "colour"}}}
    for field, value in (("temperature", -1), ("response_format", schema), ("grammar", "root ::= nothing")):
        with pytest.raises(Refused) as refused:
            await engine.complete(call(**{field: value}))
        assert refused.value.status == 400
        assert refused.value.error["param"] == field


async def test_a_very_long_bad_grammar_is_refused_like_a_short_one(engine):
    """However much llama.cpp has to say about it, the engine goes on serving."""
    for _ in range(3):
        with pytest.raises(Refused):
            await engine.complete(call(grammar='root ::= "' + "x" * 300_000 + '" nothing'))
    assert (await answer(engine, call()))["usage"]["completion_tokens"] == 8


async def test_a_prompt_that_does_not_fit_says_the_numbers(engine):
    """A request over the context is refused with OpenAI's code, for its prompt or for its answer."""
    for body in ({"prompt": [1] * 256}, {"prompt": [1] * 200, "max_tokens": 57}):
        with pytest.raises(ContextTooLong) as refused:
            await engine.stream(call(COMPLETIONS, **body))
        assert refused.value.error["code"] == "context_length_exceeded"
        assert "256" in refused.value.message
        assert str(len(body["prompt"])) in refused.value.message


async def test_embeddings_are_for_another_tier(engine):
    """What the engine cannot do is said as such, so that the router tries elsewhere."""
    with pytest.raises(Unsupported):
        await engine.complete(call("/v1/embeddings", input="hello"))


async def test_leaving_a_stream_frees_its_slot_by_the_next_step(small_engine):
    """After `aclose` nothing runs, however much was left to say."""
    stream = await small_engine.stream(call(**ENDLESS))
    assert (await small_engine.load()).running == 1
    await stream.aclose()
    await stream.aclose()
    assert (await small_engine.load()).running == 0


async def test_cancelling_the_task_frees_the_slot(small_engine):
    """A caller that is cancelled while it waits for a whole answer leaves nothing running."""
    task = asyncio.create_task(small_engine.complete(call(**ENDLESS)))
    await until_load(small_engine, running=1, waiting=0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert (await small_engine.load()).running == 0


async def test_the_queue_is_bounded(small_engine):
    """With the slots taken and the queue full, one more is turned away at once."""
    streams = [await small_engine.stream(call(**ENDLESS)) for _ in range(2)]
    waiting = asyncio.create_task(small_engine.complete(call(max_tokens=1)))
    await until_load(small_engine, running=2, waiting=1)
    with pytest.raises(Overloaded) as refused:
        await small_engine.complete(call(max_tokens=1))
    assert refused.value.status == 503
    for stream in streams:
        await stream.aclose()
    assert orjson.loads((await waiting).body)["usage"]["completion_tokens"] == 1


async def test_the_load_counts_tokens_exactly(small_engine):
    """The engine's own counters are the sum of the usages it reported."""
    bodies = await asyncio.gather(*(answer(small_engine, call(max_tokens=3 + i)) for i in range(3)))
    load = await small_engine.load()
    assert load.prompt_tokens == sum(body["usage"]["prompt_tokens"] for body in bodies)
    assert load.output_tokens == sum(body["usage"]["completion_tokens"] for body in bodies) == 12
    assert load.kv_cache == 0.0


async def test_a_killed_process_fails_what_was_in_flight_and_is_started_again(small_engine):
    """Begun answers are Broken, others are for elsewhere, at once; then the engine serves as before."""
    before = await answer(small_engine, call())
    begun = [await small_engine.stream(call(**ENDLESS)) for _ in range(2)]
    waiting = asyncio.create_task(small_engine.complete(call()))
    await until_load(small_engine, running=2, waiting=1)
    os.kill(small_engine.pid, signal.SIGKILL)
    for stream in begun:
        with pytest.raises(Broken):
            await events(stream)
    with pytest.raises(EngineFailed):
        await waiting
    with pytest.raises(Unavailable):
        await small_engine.complete(call())
    await small_engine.ready()
    assert (await answer(small_engine, call()))["choices"] == before["choices"]


async def test_a_limit_that_passes_ends_the_wait_and_the_work(gguf):
    """A first token that takes too long is TimedOut, and nothing goes on running for it."""
    engine = EmbeddedEngine(spec(gguf, timeouts=Timeouts(first_token_s=0.0)))
    await engine.open()
    with pytest.raises(Unavailable) as timed_out:
        await engine.stream(call(**ENDLESS))
    assert timed_out.value.phase == "first_token"
    assert (await engine.load()).running == 0
    await engine.close()


@pytest.mark.parametrize("content", [None, b"", b"PK\x03\x04", b"GGUF and then nothing of the kind"])
async def test_a_file_that_is_no_model_is_named_with_its_setting(tmp_path, content):
    """A missing, empty, foreign or broken file is the owner's to mend, and the message says which file."""
    path = tmp_path / "model.gguf"
    if content is not None:
        path.write_bytes(content)
    engine = EmbeddedEngine(spec(path))
    with pytest.raises(Misconfigured) as refused:
        await engine.open()
    assert "model.gguf" in refused.value.message
    await engine.close()


async def test_an_engine_that_is_not_open_says_so(gguf):
    """Before `open` and after `close` a call is an error and not a wait."""
    engine = EmbeddedEngine(spec(gguf))
    with pytest.raises(TierError):
        await engine.complete(call())


async def test_the_process_ends_with_the_gateway(gguf, tmp_path):
    """A gateway that is killed leaves no model behind in memory."""
    script = f"""
import asyncio, os
from tests.engines.test_llamacpp import EmbeddedEngine, Path, spec
async def main():
    engine = EmbeddedEngine(spec(Path({str(gguf)!r})))
    await engine.open()
    print(engine.pid, flush=True)
    os._exit(1)
asyncio.run(main())
"""
    gateway = await asyncio.create_subprocess_exec(sys.executable, "-c", script, stdout=subprocess.PIPE)
    assert gateway.stdout is not None
    pid = int(await gateway.stdout.readline())
    try:
        handle = os.pidfd_open(pid)
    except ProcessLookupError:
        handle = None
    await gateway.wait()
    if handle is not None:
        ended, _, _ = select.select([handle], [], [], 10)
        os.close(handle)
        assert ended
