"""The tools: how calls are read out of an answer under way."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tiers.llamacpp.fields import Fields
from tiers.llamacpp.refusal import Refusal
from tiers.llamacpp.toolcalls import reader_for
from tiers.llamacpp.tools import read_tools

WEATHER = {"type": "function", "function": {"name": "weather", "parameters": {"type": "object"}}}
CALL = '<tool_call>\n{"name": "weather", "arguments": {"city": "Köln"}}\n</tool_call>'
CUTS = st.lists(st.integers(0, 200), max_size=20)


def read(text: str, cuts: list[int], *, forced: bool = False) -> tuple[str, list[tuple[str, str]]]:
    """The text and the (name, arguments) of the calls, put together from deltas as a client does it."""
    reader, sent, deltas = reader_for(forced=forced), "", []
    places = sorted({min(cut, len(text)) for cut in cuts})
    for start, end in zip([0, *places], [*places, len(text)], strict=True):
        part, found = reader.feed(text[start:end])
        sent, deltas = sent + part, deltas + found
    rest, found = reader.finish()
    calls: dict[int, list[str]] = {}
    for delta in deltas + found:
        call = calls.setdefault(delta["index"], ["", ""])
        call[0] += delta["function"].get("name", "")
        call[1] += delta["function"]["arguments"]
    assert reader.calls == len(calls)
    return sent + rest, [(name, arguments) for name, arguments in calls.values()]


@given(CUTS)
def test_calls_are_found_however_the_text_is_cut(cuts):
    """Two calls in the Hermes form become two calls and no text."""
    text, calls = read(f"{CALL}\n{CALL}", cuts)
    assert text.strip() == ""
    assert calls == [("weather", '{"city": "Köln"}')] * 2


@given(st.text("<>tool_calx/ {}", max_size=60), CUTS)
def test_what_is_no_call_stays_text(text, cuts):
    """An answer that does not hold a call comes out letter by letter as it was."""
    assert read(text, cuts) == (text, [])


@given(CUTS)
def test_an_unreadable_call_is_given_back_as_text(cuts):
    """A block that is no JSON, or names nothing, is content and not an error."""
    broken = "<tool_call>{not json}</tool_call> after"
    assert read(broken, cuts) == (broken, [])


ARGUMENTS = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text('{}[]"\\ ,:ä', max_size=6),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text('}"\\a', max_size=3), inner, max_size=3),
    max_leaves=8,
)


@given(st.text(min_size=1), ARGUMENTS, CUTS, st.sampled_from(["", " "]))
def test_a_forced_answer_is_one_call_whose_arguments_flow(name, arguments, cuts, space):
    """However the JSON is cut, the deltas put together are the name and exactly the arguments' text."""
    written = json.dumps(arguments, ensure_ascii=False)
    text = f'{{{space}"name":{space}{json.dumps(name)},{space}"arguments":{space}{written}{space}}}{space}'
    assert read(text, cuts, forced=True) == ("", [(name, written)])


def test_a_forced_answer_that_was_cut_off_keeps_what_it_has():
    """Before the name is whole it is text; after that it is a call with the arguments so far."""
    assert read('{"name": "wea', [], forced=True) == ('{"name": "wea', [])
    assert read('{"name": "weather", "arguments": {"ra', [], forced=True) == ("", [("weather", '{"ra')])


def test_a_call_without_its_closing_mark_still_counts():
    """Models often end the turn instead of writing `</tool_call>`."""
    assert read('<tool_call>{"name": "weather", "arguments": {}}', [])[1] == [("weather", "{}")]


def test_calls_are_numbered_and_have_ids_of_their_own():
    """`index` counts over the whole answer and no two calls share an id."""
    _, deltas = reader_for(forced=False).feed(CALL + CALL)
    assert [delta["index"] for delta in deltas] == [0, 1]
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
