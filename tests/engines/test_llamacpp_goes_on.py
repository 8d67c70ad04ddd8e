"""The embedded engine goes on with an answer that another began, from its last word, schema and tool call included."""

import json
from collections.abc import AsyncIterator
from typing import Any

import orjson
import pytest
import pytest_asyncio

from tests.engines.test_llamacpp import events
from tiers.errors import Refused
from tiers.llamacpp import EmbeddedEngine
from tiers.types import Call, TierSpec

pytestmark = pytest.mark.asyncio(loop_scope="module")

PERSON = {
    "type": "object",
    "properties": {"name": {"type": "string", "maxLength": 8}, "age": {"type": "integer", "minimum": 0, "maximum": 99}},
    "required": ["name", "age"],
}
SCHEMA = {"type": "json_schema", "json_schema": {"name": "person", "schema": PERSON}}
WEATHER = {
    "type": "function",
    "function": {
        "name": "weather",
        "parameters": {"type": "object", "properties": {"rain": {"type": "boolean"}}, "required": ["rain"]},
    },
}
FORCED = {"tools": [WEATHER], "tool_choice": "required"}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def engine() -> AsyncIterator[EmbeddedEngine]:
    made = EmbeddedEngine(TierSpec("edge", "llama.cpp", "bundled:edge", context=512, options={"threads": 1}))
    await made.open()
    yield made
    await made.close()


def asked(question: str, begun: dict[str, Any] | None = None, *, stream: bool = False, **body: Any) -> Call:
    """begun: the assistant's message to go on with."""
    messages: list[dict[str, Any]] = [{"role": "user", "content": question}]
    if begun is not None:
        messages.append({"role": "assistant", "content": "", **begun})
        body |= {"continue_final_message": True, "add_generation_prompt": False}
    return Call("/v1/chat/completions", {"messages": messages, "temperature": 0, **body}, stream, "r1")


async def message(engine: EmbeddedEngine, call: Call) -> Any:
    return orjson.loads((await engine.complete(call)).body)["choices"][0]["message"]


async def test_it_goes_on_from_any_word(engine):
    """What was begun and what comes are together the whole answer, wherever the cut was."""
    question = "What is the capital of France?"
    whole = (await message(engine, asked(question)))["content"]
    words = whole.split(" ")
    for cut in range(1, len(words)):
        begun = " ".join(words[:cut])
        assert begun + (await message(engine, asked(question, {"content": begun})))["content"] == whole


async def test_a_schema_is_gone_on_with_in_its_middle(engine):
    """The grammar stands where the half-written JSON ends, so that both halves are one object."""
    begun = '{"name": "Ann", "a'
    rest = await message(engine, asked("A person in JSON.", {"content": begun}, response_format=SCHEMA))
    assert json.loads(begun + rest["content"])["name"] == "Ann", rest


async def test_what_does_not_fit_the_schema_is_refused(engine):
    """The worker lives on, and the next request is answered."""
    with pytest.raises(Refused, match="does not fit"):
        await message(engine, asked("A person in JSON.", {"content": "Once upon"}, response_format=SCHEMA))
    assert (await message(engine, asked("A person in JSON.", response_format=SCHEMA)))["content"]


async def test_a_forced_call_is_gone_on_with_in_its_arguments(engine):
    """Only arguments come, for the call that the caller has the beginning of; it ends as a tool call."""
    calls = [{"id": "c1", "type": "function", "function": {"name": "weather", "arguments": '{"ra'}}]
    stream = await engine.stream(asked("Rain?", {"tool_calls": calls}, stream=True, **FORCED))
    choices = [chunk["choices"][0] for chunk in await events(stream) if chunk != "[DONE]"]
    deltas = [call for choice in choices for call in choice["delta"].get("tool_calls", ())]
    assert all(delta["index"] == 0 and "id" not in delta for delta in deltas)
    rain = json.loads('{"ra' + "".join(delta["function"]["arguments"] for delta in deltas))["rain"]
    assert isinstance(rain, bool)
    assert choices[-1]["finish_reason"] == "tool_calls"


async def test_a_call_of_its_own_choice_is_gone_on_with_only_when_whole(engine):
    """A whole call stays said; half a one is refused, for its reader lets calls out only whole."""
    function = {"name": "weather", "arguments": '{"rain": true}'}
    call = asked("Rain?", {"tool_calls": [{"id": "c1", "type": "function", "function": function}]}, tools=[WEATHER])
    body = orjson.loads((await engine.complete(call)).body)
    assert body["choices"][0]["finish_reason"] in ("tool_calls", "length")
    half = {"id": "c1", "type": "function", "function": {**function, "arguments": '{"ra'}}
    with pytest.raises(Refused, match="in its middle"):
        await message(engine, asked("Rain?", {"tool_calls": [half]}, tools=[WEATHER]))


async def test_only_the_assistants_message_is_gone_on_with(engine):
    """A user's turn is nobody's beginning of an answer."""
    with pytest.raises(Refused, match="assistant"):
        await message(engine, asked("Hello", {"role": "user", "content": "I am"}))
