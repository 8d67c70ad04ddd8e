"""The judge: strict on words and numbers, shares for lists and explanations."""

import pytest

from tiers.toys.families.arithmetic import worked
from tiers.toys.item import Item, user
from tiers.toys.judge import judge


def item(check, expected, accepted=()):
    return Item("test", 1, (user("?"),), expected, check, key="", accepted=accepted)


@pytest.mark.parametrize(
    ("expected", "answer", "mark"),
    [
        ("Paris", "Paris", 1.0),
        ("Paris", " paris.\n", 1.0),
        ("Paris", "Paris or Rome", 0.0),
        ("Paris", "", 0.0),
        ("a, b", "a b", 1.0),
        ("a, b", "b, a", 0.0),
    ],
)
def test_text_is_compared_by_words(expected, answer, mark):
    """Case, stops and commas do not matter; anything else does."""
    assert judge(item("text", expected), answer) == mark


@pytest.mark.parametrize(
    ("answer", "mark"),
    [("so 57", 1.0), ("7-2=5, so 57", 1.0), ("57 and not 58", 0.0), ("fifty-seven", 0.0), ("-57", 0.0)],
)
def test_the_last_number_counts(answer, mark):
    """Worked columns before the result do not matter."""
    assert judge(item("number", "so 57"), answer) == mark


@pytest.mark.parametrize(
    ("answer", "mark"),
    [
        ("red, blue, green", 1.0),
        ("blue, red, pink", 1.0),
        ("red, blue", 2 / 3),
        ("red, red, red", 1 / 3),
        ("red, blue, green, pink", 3 / 4),
        ("red, blue, dog", 2 / 3),
    ],
)
def test_a_list_gets_the_share_of_right_members(answer, mark):
    """Too few, too many, repeated and foreign members cost marks."""
    colours = ("red", "blue", "green", "pink")
    assert judge(item("members", "red, blue, green", colours), answer) == pytest.approx(mark)


def test_an_explanation_gets_the_share_of_statements_in_order():
    """A statement out of order counts as missing."""
    question = item("clauses", "", ("water warms", "it rises", "it falls"))
    assert judge(question, "First, water warms. Then, it rises. Finally, it falls.") == 1.0
    assert judge(question, "Water warms. It falls. It rises.") == pytest.approx(2 / 3)
    assert judge(question, "Nothing of the kind.") == 0.0


def test_json_is_compared_by_value():
    """Spacing and the order of keys do not matter; what is no JSON is wrong."""
    question = item("json", '{"name": "Ann", "age": 3}')
    assert judge(question, '{"age":3,"name":"Ann"}') == 1.0
    assert judge(question, '{"age": 4, "name": "Ann"}') == 0.0
    assert judge(question, '{"age": 3, "name": ') == 0.0


def test_a_tool_call_needs_its_frame():
    """The same object without the frame is no call."""
    call = '{"name": "f", "arguments": {"x": 1}}'
    question = item("call", f"<tool_call>{call}</tool_call>")
    assert judge(question, f" <tool_call>{call}</tool_call>\n") == 1.0
    assert judge(question, call) == 0.0
    assert judge(question, "<tool_call>not JSON</tool_call>") == 0.0


@pytest.mark.parametrize(
    ("operator", "a", "b", "answer"),
    [
        ("+", 4, 5, "9"),
        ("+", 754, 261, "4+1=5, 5+6+0=11, 7+2+1=10, so 1015"),
        ("-", 90, 5, "0-5+10=5, 9-0-1=8, so 85"),
        ("*", 53, 8, "3*8=24, 5*8+2=42, so 424"),
    ],
)
def test_sums_are_worked_in_columns(operator, a, b, answer):
    """The expected answers of larger sums carry from the right."""
    assert worked(operator, a, b) == answer
