"""Whole answers sent as streams."""

from typing import Any

import orjson

from router.wire.replay import replay
from router.wire.sse import SseReader

WHOLE = {
    "id": "c1",
    "object": "chat.completion",
    "created": 1,
    "model": "m",
    "choices": [
        {
            "index": 0,
            "message": {"role": "assistant", "content": "The quick brown fox jumps over the lazy dog."},
            "logprobs": None,
            "finish_reason": "stop",
        }
    ],
    "usage": {"prompt_tokens": 1, "completion_tokens": 9},
}


def chunks(whole: dict[str, Any], *, include_usage: bool = False) -> list[dict[str, Any]]:
    *events, last = SseReader().feed(b"".join(replay(whole, include_usage=include_usage)))
    assert last.done
    return [orjson.loads(event.data) for event in events]


def test_a_replay_looks_like_a_stream():
    """First the role, then text in pieces of a few words, then the reason of the end, then [DONE]."""
    said = chunks(WHOLE)
    deltas = [chunk["choices"][0]["delta"] for chunk in said]
    assert deltas[0] == {"role": "assistant", "content": ""}
    assert [delta["content"] for delta in deltas[1:-1]] == [
        "The quick brown fox ",
        "jumps over the lazy ",
        "dog.",
    ]
    assert [chunk["choices"][0]["finish_reason"] for chunk in said] == [None, None, None, None, "stop"]
    assert {(chunk["id"], chunk["object"], chunk["model"]) for chunk in said} == {("c1", "chat.completion.chunk", "m")}


def test_usage_comes_last_and_only_when_asked_for():
    """With `include_usage` a last chunk without choices has it and the others say null; else none has."""
    *others, last = chunks(WHOLE, include_usage=True)
    assert (last["choices"], last["usage"]) == ([], WHOLE["usage"])
    assert {chunk["usage"] for chunk in others} == {None}
    assert all("usage" not in chunk for chunk in chunks(WHOLE))


def test_log_probabilities_travel_with_their_tokens():
    """Where the tokens spell the text, each piece is one token and its own log-probability."""
    entries = [{"token": token, "logprob": -0.1, "top_logprobs": []} for token in ("The", " qui", "ck")]
    choice = WHOLE["choices"][0] | {"message": {"content": "The quick"}, "logprobs": {"content": entries}}
    middle = chunks({**WHOLE, "choices": [choice]})[1:-1]
    pieces = [(chunk["choices"][0]["delta"]["content"], chunk["choices"][0]["logprobs"]) for chunk in middle]
    assert pieces == [(entry["token"], {"content": [entry]}) for entry in entries]


def test_tool_calls_carry_their_index():
    """Clients tell calls apart by `index`, which a whole answer has not."""
    calls = [{"id": name, "type": "function", "function": {"name": name, "arguments": "{}"}} for name in "ab"]
    choice = WHOLE["choices"][0] | {"message": {"content": None, "tool_calls": calls}}
    deltas = [chunk["choices"][0]["delta"] for chunk in chunks({**WHOLE, "choices": [choice]})]
    assert deltas[0] == {"content": None}
    assert deltas[1:-1] == [
        {"tool_calls": [{"index": 0, **calls[0]}]},
        {"tool_calls": [{"index": 1, **calls[1]}]},
    ]


def test_a_legacy_answer_is_replayed_as_text():
    """`text_completion` keeps its object and has `text`, not `delta`."""
    choice = {"index": 0, "text": "one two three four five", "logprobs": None, "finish_reason": "stop"}
    said = chunks({**WHOLE, "object": "text_completion", "choices": [choice]})
    assert {chunk["object"] for chunk in said} == {"text_completion"}
    assert [chunk["choices"][0]["text"] for chunk in said] == ["one two three four ", "five", ""]
