"""The tools: how calls are read out of an answer under way."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tiers.llamacpp.fields import Fields
from tiers.llamacpp.refusal import Refusal
from tiers.llamacpp.tools import ToolReader, calls_as_deltas, read_tools

WEATHER = {"type": "function", "function": {"name": "weather", "parameters": {"type": "object"}}}
CALL = '<tool_call>\n{"name": "weather", "arguments": {"city": "Köln"}}\n</tool_call>'
CUTS = st.lists(st.integers(0, 200), max_size=20)


def read(text: str, cuts: list[int], *, forced: bool = False) -> tuple[str, list[tuple[str, dict]]]:
    reader, sent, calls = ToolReader(forced=forced), "", []
    places = sorted({min(cut, len(text)) for cut in cuts})
    for start, end in zip([0, *places], [*places, len(text)], strict=True):
        part, found = reader.feed(text[start:end])
        sent, calls = sent + part, calls + found
    rest, found = reader.finish()
    return sent + rest, [(call.name, json.loads(call.arguments)) for call in calls + found]


@given(CUTS)
def test_calls_are_found_however_the_text_is_cut(cuts):
    """Two calls in the Hermes form become two calls and no text."""
    text, calls = read(f"{CALL}\n{CALL}", cuts)
    assert text.strip() == ""
    assert calls == [("weather", {"city": "Köln"})] * 2


@given(st.text("<>tool_calx/ {}", max_size=60), CUTS)
def test_what_is_no_call_stays_text(text, cuts):
    """An answer that does not hold a call comes out letter by letter as it was."""
    assert read(text, cuts) == (text, [])


@given(CUTS)
def test_an_unreadable_call_is_given_back_as_text(cuts):
    """A block that is no JSON, or names nothing, is content and not an error."""
    broken = "<tool_call>{not json}</tool_call> after"
    assert read(broken, cuts) == (broken, [])


@given(CUTS)
def test_a_forced_answer_is_one_call(cuts):
    """With a grammar behind it the whole answer is the call's JSON."""
    assert read('{"name": "weather", "arguments": {}} ', cuts, forced=True) == ("", [("weather", {})])


def test_a_forced_answer_that_was_cut_off_is_content():
    """A call that max_tokens cut in the middle is no call."""
    text, calls = read('{"name": "wea', [], forced=True)
    assert (text, calls) == ('{"name": "wea', [])


def test_a_call_without_its_closing_mark_still_counts():
    """Models often end the turn instead of writing `</tool_call>`."""
    assert read('<tool_call>{"name": "weather", "arguments": {}}', [])[1] == [("weather", {})]


def test_deltas_are_numbered_on_and_have_ids_of_their_own():
    """`index` counts over the whole answer and no two calls share an id."""
    reader = ToolReader(forced=False)
    _, calls = reader.feed(CALL + CALL)
    deltas = calls_as_deltas(calls, 3)
    assert [delta["index"] for delta in deltas] == [3, 4]
    assert len({delta["id"] for delta in deltas}) == 2


@pytest.mark.parametrize(
    ("choice", "forced", "names"),
    [
        (None, False, ["weather", "time"]),
        ("auto", False, ["weather", "time"]),
        ("required", True, ["weather", "time"]),
        ({"type": "function", "function": {"name": "time"}}, True, ["time"]),
    ],
)
def test_tool_choice_decides_what_may_be_called(choice, forced, names):
    """auto leaves the model free, required forces some call, a name forces that one."""
    time = {"type": "function", "function": {"name": "time"}}
    use = read_tools(Fields({"tools": [WEATHER, time], "tool_choice": choice}))
    assert use is not None
    assert use.forced is forced
    assert [tool["function"]["name"] for tool in use.callable_tools] == names


def test_no_tool_may_be_called_with_none():
    """`tool_choice: none` is as if there were no tools."""
    assert read_tools(Fields({"tools": [WEATHER], "tool_choice": "none"})) is None


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({"tools": [{"type": "function"}]}, "tools[0]"),
        ({"tools": "weather"}, "tools"),
        ({"tools": [WEATHER], "tool_choice": "sometimes"}, "tool_choice"),
        ({"tools": [WEATHER], "tool_choice": {"function": {"name": "other"}}}, "tool_choice"),
        ({"tool_choice": "required"}, "tool_choice"),
    ],
)
def test_wrong_tools_are_refused_by_name(body, param):
    """The refusal says which field is wrong."""
    with pytest.raises(Refusal) as refused:
        read_tools(Fields(body))
    assert refused.value.error["param"] == param
