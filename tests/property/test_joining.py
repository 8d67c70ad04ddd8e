"""Whatever the answer and wherever it is cut, what the caller reads of two streams is that answer, once."""

from collections.abc import Sequence

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from router.continuation import answered_anew, end_spent, written_on
from router.joining import Join
from router.wire.assemble import Assembler
from tiers.errors import Broken

CHAT, LEGACY = "/v1/chat/completions", "/v1/completions"
BODY = {"messages": [{"role": "user", "content": "?"}]}
TEXT = frozenset({"text"})
PIECES = st.lists(st.text("ab \n€", min_size=1, max_size=3), min_size=2, max_size=12)


def chunk(delta: dict, *, index: int = 0, end: str | None = None, name: str = "a") -> dict:
    return {"id": name, "model": name, "choices": [{"index": index, "delta": delta, "finish_reason": end}]}


def sent(pieces: Sequence[str], **delta: object) -> Assembler:
    """The caller's part: the role, and these pieces of content."""
    made = Assembler()
    made.feed(chunk({"role": "assistant", "content": ""}))
    for piece in pieces:
        made.feed(chunk({"content": piece}))
    return made


def read(join: Join, chunks: Sequence[dict]) -> list[dict]:
    return [made for one in chunks if (made := join.take(one)) is not None]


def answer(pieces: Sequence[str]) -> list[dict]:
    head = chunk({"role": "assistant", "content": ""}, name="b")
    return [head, *(chunk({"content": p}, name="b") for p in pieces), chunk({}, end="stop", name="b")]


@given(PIECES, PIECES, st.integers(1, 11))
def test_a_fresh_answer_is_joined_wherever_it_was_cut(pieces, others, cut):
    """Cut in pieces of any size again, only what is new is sent, under the first stream's name."""
    text = "".join(pieces)
    caller = sent(pieces[: min(cut, len(pieces) - 1)])
    sizes = [len(other) for other in others]
    again = [text[sum(sizes[:i]) : sum(sizes[: i + 1])] for i in range(len(sizes))] + [text[sum(sizes) :]]
    forwarded = read(answered_anew(BODY, caller).join, answer([piece for piece in again if piece]))
    assert caller.choice(0).said("content") == text and caller.complete
    assert all(one["id"] == "a" and "role" not in one["choices"][0]["delta"] for one in forwarded)


@given(PIECES, st.integers(1, 11))
def test_an_answer_is_written_on_wherever_it_was_cut(pieces, cut):
    """An engine is shown the words without the white space behind them, writes that again, and it comes once."""
    before, after = pieces[: min(cut, len(pieces) - 1)], pieces[min(cut, len(pieces) - 1) :]
    caller = sent(before)
    way = written_on(CHAT, BODY, caller, TEXT)
    assert way is not None
    said = "".join(before)
    shown = way.body["messages"][-1]["content"] if said.strip() else ""
    assert shown == said.rstrip()
    read(way.join, answer([said[len(said.rstrip()) :], *after]))
    assert caller.choice(0).said("content") == "".join(pieces) and caller.complete


@given(st.lists(st.text("ab", min_size=1, max_size=3), min_size=1), st.text("ab", min_size=1, max_size=9))
def test_nothing_is_joined_to_another_beginning(pieces, other):
    """A fresh answer that differs, or ends too soon, breaks off before anything of it is sent."""
    caller = sent(pieces)
    text = "".join(pieces)
    if other.startswith(text):
        other = "c" + other
    with pytest.raises(Broken, match="does not begin like"):
        read(answered_anew(BODY, caller).join, answer([other]))
    assert caller.choice(0).said("content") == text


@given(st.integers(1, 9), st.integers(0, 12))
def test_no_more_tokens_than_were_asked_for(limit, came):
    """What is left of `max_tokens` is asked for; where nothing is left, the end is told."""
    body = {**BODY, "max_tokens": limit, "n": 1}
    caller = sent(["a"] * came)
    ends = end_spent(caller, body)
    assert bool(ends) == (came >= limit)
    if ends:
        told = orjson.loads(ends.removeprefix(b"data: "))
        assert told["choices"][0]["finish_reason"] == "length" and told["id"] == "a"
    else:
        way = written_on(CHAT, body, caller, TEXT)
        assert way is not None and way.body["max_tokens"] == limit - came


@pytest.mark.parametrize(
    ("delta", "body"),
    [
        ({"reasoning": "hm"}, {}),
        ({"refusal": "no"}, {}),
        ({"tool_calls": [{"index": 0, "function": {"name": "f", "arguments": "{"}}]}, {}),
        ({"content": "{"}, {"response_format": {"type": "json_object"}}),
        ({"content": "{"}, {"guided_json": {"type": "object"}}),
        ({"content": "a"}, {"tools": [{}], "tool_choice": "required"}),
    ],
)
def test_what_text_alone_cannot_hand_over_is_answered_anew(delta, body):
    """Reasoning, refusals, half a call and half a form: an engine that goes on with text would begin them again."""
    caller = Assembler()
    caller.feed(chunk(delta))
    assert written_on(CHAT, {**BODY, **body}, caller, TEXT) is None


def test_the_embedded_engine_is_given_a_half_written_call():
    """It goes on with forms and calls as well; the call is in the last message, as far as it goes."""
    caller = Assembler()
    caller.feed(chunk({"tool_calls": [{"index": 0, "id": "c", "function": {"name": "f", "arguments": '{"a'}}]}))
    body = {**BODY, "tools": [{}], "tool_choice": "required"}
    way = written_on(CHAT, body, caller, frozenset({"text", "schema", "call"}))
    assert way is not None
    assert way.body["messages"][-1]["tool_calls"][0]["function"] == {"name": "f", "arguments": '{"a'}
    read(way.join, [chunk({"tool_calls": [{"index": 0, "function": {"arguments": '": 1}'}}]}, name="b")])
    assert caller.choice(0).tools[0].whole()["function"]["arguments"] == '{"a": 1}'


@pytest.mark.parametrize("body", [{"echo": True}, {"suffix": "s"}, {"prompt": [1, 2]}, {"grammar": "g"}])
def test_some_prompts_have_nothing_behind_them(body):
    """Token ids, echoes and insertions are answered anew; any other prompt is gone on with by any engine."""
    caller = Assembler()
    caller.feed(
        {"id": "a", "object": "text_completion", "choices": [{"index": 0, "text": " b", "finish_reason": None}]}
    )
    assert written_on(LEGACY, {"prompt": "a", **body}, caller, frozenset()) is None
    way = written_on(LEGACY, {"prompt": ["x", "a"], "n": 1}, caller, frozenset())
    assert way is not None and way.body["prompt"] == "x b"


def test_a_caller_s_own_prefill_is_gone_on_with():
    """The caller's half-written message and what came of it are one."""
    body = {"messages": [*BODY["messages"], {"role": "assistant", "content": "One "}], "continue_final_message": True}
    way = written_on(CHAT, body, sent(["two"]), TEXT)
    assert way is not None
    assert [m["content"] for m in way.body["messages"]] == ["?", "One two"]
