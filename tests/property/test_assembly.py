"""Replaying a whole answer and assembling it again."""

from typing import Any

import orjson
from hypothesis import given, settings
from hypothesis import strategies as st

from router.cache.key import storable
from router.wire.assemble import Assembler
from router.wire.replay import replay
from router.wire.sse import SseReader
from router.wire.usage import read_usage

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=120)
NAME = st.text("abcdefghij_", min_size=1, max_size=12)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**60), 2**60) | st.floats(allow_nan=False) | TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(NAME, inner, max_size=4),
    max_leaves=6,
)


def some_of(*names: str, **known: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    """Objects with any of these members, of any JSON unless known better."""
    return st.fixed_dictionaries({}, optional=dict.fromkeys(names, JSON) | known)


CALLS = st.lists(st.tuples(NAME, TEXT), min_size=1, max_size=3).map(
    lambda calls: [
        {"id": f"call_{number}", "type": "function", "function": {"name": name, "arguments": arguments}}
        for number, (name, arguments) in enumerate(calls)
    ]
)
MESSAGES = st.fixed_dictionaries(
    {"role": st.just("assistant"), "content": st.none() | TEXT},
    optional={
        "refusal": st.none() | TEXT,
        "reasoning": TEXT,
        "tool_calls": CALLS,
        "annotations": st.just([{"a": 1}]),
    },
)


@st.composite
def logprobs_of(draw: st.DrawFn, text: str | None) -> dict[str, Any] | None:
    if draw(st.booleans()):
        return None
    spells = draw(st.booleans())
    tokens = list(text or "") if spells else draw(st.lists(TEXT, max_size=4))
    return {
        "content": [{"token": token, "logprob": -0.5, "top_logprobs": []} for token in tokens],
        "refusal": None,
    }


@st.composite
def chats(draw: st.DrawFn) -> dict[str, Any]:
    choices = []
    for index in range(draw(st.integers(1, 3))):
        message = draw(MESSAGES)
        choices.append(
            {
                "index": index,
                "message": message,
                "logprobs": draw(logprobs_of(message["content"])),
                "finish_reason": draw(st.sampled_from(["stop", "length", "tool_calls"])),
            }
        )
    return _head("chat.completion") | {"choices": choices}


@st.composite
def texts(draw: st.DrawFn) -> dict[str, Any]:
    text = draw(TEXT)
    tokens = list(text) if draw(st.booleans()) else ["x"]
    logprobs = {
        "tokens": tokens,
        "token_logprobs": [-0.5] * len(tokens),
        "text_offset": list(range(len(tokens))),
    }
    choice = {
        "index": 0,
        "text": text,
        "logprobs": draw(st.sampled_from([None, logprobs])),
        "finish_reason": "stop",
    }
    return _head("text_completion") | {"choices": [choice]}


def _head(kind: str) -> dict[str, Any]:
    usage = {"prompt_tokens": 3, "completion_tokens": 4, "total_tokens": 7}
    return {
        "id": "c1",
        "object": kind,
        "created": 1,
        "model": "m",
        "system_fingerprint": None,
        "usage": usage,
    }


@given(chats() | texts())
def test_replaying_and_assembling_is_the_identity(whole):
    """A whole answer sent as a stream and put together again is the same answer, field by field."""
    assembler = Assembler(choices=len(whole["choices"]))
    for event in SseReader().feed(b"".join(replay(whole, include_usage=True))):
        if not event.done:
            assembler.feed(orjson.loads(event.data))
    assert assembler.complete
    assert assembler.body() == whole


@settings(max_examples=50)
@given(st.lists(st.dictionaries(st.sampled_from(["choices", "usage", "error", "id", "model"]), JSON), max_size=4))
def test_no_chunk_breaks_the_assembler(chunks):
    """Whatever JSON an engine sends, reading it raises nothing."""
    assembler = Assembler()
    for chunk in chunks:
        assembler.feed(chunk)
    orjson.dumps(assembler.body())
    assert isinstance(assembler.text(), str)


DELTAS = some_of("content", "role", "tool_calls", "function_call", "refusal", "x")
ODD_CHOICES = some_of("index", "text", "logprobs", "finish_reason", "usage", "x", delta=DELTAS)
ODD_CALLS = some_of("index", "id", "type", "function", "x")
DETAILS = some_of("cached_tokens", "reasoning_tokens")
USAGES = some_of(
    "prompt_tokens", "completion_tokens", "input_tokens", "output_tokens", "cache_read_input_tokens",
    prompt_tokens_details=DETAILS, input_tokens_details=JSON, completion_tokens_details=DETAILS,
)  # fmt: skip


@settings(max_examples=50)
@given(st.lists(ODD_CHOICES, max_size=3), st.lists(ODD_CALLS, max_size=3))
def test_no_choice_breaks_the_assembler(choices, calls):
    """Whatever stands in a choice, a delta or a tool call, reading it raises nothing."""
    assembler = Assembler()
    assembler.feed({"choices": [*choices, {"delta": {"tool_calls": calls}}]})
    assembler.feed({"choices": [*choices, {"delta": {"tool_calls": calls}}]})
    orjson.dumps(assembler.body())
    assert isinstance(assembler.text(), str)


@settings(max_examples=50)
@given(USAGES)
def test_usage_is_never_negative(usage):
    """Whatever an engine reports, every bucket is 0 or more and reasoning is part of the output."""
    read = read_usage(usage)
    assert read is None or min(read.input, read.cached_input, read.output, read.reasoning) >= 0
    assert read is None or read.reasoning <= read.output


@settings(max_examples=50)
@given(some_of("choices", "error", "object", "data") | chats())
def test_a_stored_answer_can_be_replayed(whole):
    """`storable` never raises, and what it accepts of a chat replays."""
    if storable(whole) and whole.get("object") != "list":
        assert b"".join(replay(whole, include_usage=False)).endswith(b"data: [DONE]\n\n")
