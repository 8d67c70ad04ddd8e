"""Whole answers out of chunks."""

from pathlib import Path
from typing import Any

import orjson
import pytest

from router.wire.assemble import Assembler
from router.wire.sse import SseReader

RECORDED = sorted((Path(__file__).parents[2] / "wire").glob("*/*.sse"))


def fed(*chunks: dict[str, Any], choices: int = 1) -> Assembler:
    assembler = Assembler(choices=choices)
    for chunk in chunks:
        assembler.feed(chunk)
    return assembler


def chat(delta: dict[str, Any] | None = None, **choice: Any) -> dict[str, Any]:
    return {"id": "c1", "object": "chat.completion.chunk", "model": "m",
            "choices": [{"index": 0, "delta": delta or {}, **choice}]}  # fmt: skip


def message(assembler: Assembler) -> dict[str, Any]:
    return assembler.body()["choices"][0]["message"]


def test_a_chat_answer_is_put_together():
    """Role, text, end, head and usage stand where a whole answer has them."""
    assembler = fed(
        chat({"role": "assistant", "content": ""}),
        chat({"content": "Hel"}),
        chat({"content": "lo"}, finish_reason="stop"),
        {"id": "c1", "choices": [], "usage": {"prompt_tokens": 1, "completion_tokens": 2}},
    )
    assert assembler.body() == {
        "id": "c1",
        "model": "m",
        "object": "chat.completion",
        "choices": [
            {
                "index": 0,
                "message": {"role": "assistant", "content": "Hello"},
                "logprobs": None,
                "finish_reason": "stop",
            }
        ],
        "usage": {"prompt_tokens": 1, "completion_tokens": 2},
    }
    assert assembler.complete


def test_a_legacy_answer_is_put_together():
    """Text chunks become a `text_completion`, log-probabilities in their columns."""
    logprobs = {"tokens": ["a"], "token_logprobs": [-0.5], "top_logprobs": None}
    chunk = {"object": "text_completion", "choices": [{"index": 0, "text": "a", "logprobs": logprobs}]}
    end = {"choices": [{"index": 0, "text": "", "finish_reason": "length"}]}
    body = fed(chunk, chunk, end).body()
    assert body["object"] == "text_completion"
    assert body["choices"] == [
        {
            "index": 0,
            "text": "aa",
            "logprobs": {"tokens": ["a", "a"], "token_logprobs": [-0.5, -0.5], "top_logprobs": None},
            "finish_reason": "length",
        }
    ]


def test_a_stream_without_a_finish_reason_is_not_complete():
    """Neither text nor usage makes an answer whole; every choice that was asked for must have ended."""
    assert not fed().complete
    assert not fed(chat({"content": "Hello"}), {"choices": [], "usage": {"completion_tokens": 2}}).complete
    one_of_two = chat({"content": "a"}, finish_reason="stop")
    assert not fed(one_of_two, choices=2).complete
    other = {"choices": [{"index": 1, "delta": {"content": "b"}, "finish_reason": "stop"}]}
    both = fed(other, one_of_two, choices=2)
    assert both.complete
    assert [choice["message"]["content"] for choice in both.body()["choices"]] == ["a", "b"]


def call(**given: Any) -> dict[str, Any]:
    name, arguments = given.pop("name", None), given.pop("arguments", None)
    return chat({"tool_calls": [{**given, "function": {"name": name, "arguments": arguments}}]})


@pytest.mark.parametrize(
    "chunks",
    [
        [
            call(index=0, id="a", name="f", arguments=""),
            call(index=0, arguments='{"x":'),
            call(index=0, arguments="1}"),
            call(index=1, id="b", name="g", arguments="{}"),
        ],
        [
            call(id="a", name="f", arguments='{"x":'),
            call(arguments="1}"),
            call(id="b", name="g", arguments="{}"),
        ],
        [
            call(index=0, id="a", name="f", arguments='{"x":'),
            call(index=1, id="b", name="g"),
            call(index=0, arguments="1}"),
            call(index=1, arguments="{}"),
        ],
        [
            call(index=0, id="a", name="f", arguments='{"x":1}'),
            call(index=0, id="b", name="g", arguments="{}"),
        ],
        [
            call(index=0, id="a", name="f", arguments='{"x":'),
            call(index=0, id="other", arguments="1}"),
            call(index=1, id="b", name="g", arguments="{}"),
        ],
        [
            call(index=0, id="a", name="f", arguments={"x": 1}),
            call(index=1, id="b", name="g", arguments="{}"),
        ],
    ],
    ids=[
        "by index",
        "no index",
        "interleaved",
        "all numbered 0",
        "an id per delta",
        "arguments as an object",
    ],
)
def test_tool_calls_are_told_apart(chunks):
    """Two calls come out of every way in which engines number them."""
    assert message(fed(*chunks))["tool_calls"] == [
        {"id": "a", "type": "function", "function": {"name": "f", "arguments": '{"x":1}'}},
        {"id": "b", "type": "function", "function": {"name": "g", "arguments": "{}"}},
    ]


def test_a_legacy_function_call_is_put_together():
    """Name once, arguments joined."""
    deltas = [{"name": "f", "arguments": ""}, {"arguments": "{"}, {"arguments": "}"}]
    assembler = fed(*(chat({"function_call": delta}) for delta in deltas))
    assert message(assembler)["function_call"] == {"name": "f", "arguments": "{}"}


@pytest.mark.parametrize("name", ["reasoning", "reasoning_content", "refusal", "content"])
def test_every_generated_text_is_joined_and_counted(name):
    """Reasoning and refusals are text as the answer is, for the answer and for counting tokens."""
    assembler = fed(chat({name: "a"}), chat({name: None}), chat({name: "b"}))
    assert message(assembler)[name] == "ab"
    assert (assembler.text(), assembler.text_seen) == ("ab", True)


def test_a_role_alone_is_no_text():
    """Before the first token there is nothing to lose: a retry elsewhere is safe."""
    assert not fed(chat({"role": "assistant", "content": ""})).text_seen
    assert fed(call(index=0, id="a", name="f")).text_seen


def test_usage_is_read_wherever_it_comes():
    """Beside choices, in a choice, in a chunk of its own, cumulative or in parts: each field's largest."""
    assembler = fed(
        chat({"content": "a"}) | {"usage": {"prompt_tokens": 9, "completion_tokens": 1}},
        chat({"content": "b"}, usage={"completion_tokens": 2}),
        {"choices": [], "usage": {"prompt_tokens": 9, "completion_tokens": 3}},
        {"choices": [], "usage": None},
    )
    assert assembler.usage() == {"prompt_tokens": 9, "completion_tokens": 3}
    assert fed(chat({"content": "a"})).usage() is None


def test_unknown_fields_are_kept():
    """What an engine adds to the message, the choice or the head is in the whole answer."""
    chunk = chat({"annotations": [1]}, stop_reason=7, token_ids=[1]) | {"service_tier": "x"}
    body = fed(chunk, chat({"annotations": [2]}, token_ids=[2], stop_reason=None)).body()
    assert (body["service_tier"], body["choices"][0]["stop_reason"]) == ("x", 7)
    assert body["choices"][0]["token_ids"] == [1, 2]
    assert body["choices"][0]["message"]["annotations"] == [1, 2]


def test_an_empty_head_is_filled_later():
    """Azure's first chunk has no id and no model; the next one's count."""
    assembler = fed({"id": "", "model": "", "choices": [], "prompt_filter_results": []}, chat({"content": "a"}))
    assert (assembler.body()["id"], assembler.body()["model"]) == ("c1", "m")


def test_an_error_in_the_stream_is_kept():
    """As an object or as a bare string."""
    assert fed({"error": {"message": "no"}}).error == {"message": "no"}
    assert fed({"error": "no"}).error == {"message": "no"}
    assert fed(chat({"content": "a"})).error is None


@pytest.mark.parametrize("path", RECORDED, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_recorded_streams_are_whole_or_failed(path):
    """What real engines sent is put together: it is complete, or it holds an error."""
    assembler = Assembler(choices=2 if "n2" in path.name else 1)
    for event in SseReader().feed(path.read_bytes()):
        if event.data is not None and not event.done:
            assembler.feed(orjson.loads(event.data))
    assert assembler.complete != (assembler.error is not None)
    assert assembler.text_seen
