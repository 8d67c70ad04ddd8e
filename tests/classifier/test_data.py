"""Labelled tables and what is wrong with them."""

import csv
import json

import numpy as np
import pyarrow as pa
import pyarrow.parquet
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from classifier.conversation import conversation_text
from classifier.data import read_lengths, read_questions, read_table, table_lengths
from classifier.errors import DataError
from policies.facts import prompt_text

ROWS = [
    {"prompt": "one", "correct.big": 1.0, "correct.small": 0.0, "output_tokens.big": 8, "output_chars.small": 12},
    {
        "prompt": "two,\nlines",
        "correct.big": 0.5,
        "correct.small": 0.0,
        "output_tokens.big": None,
        "output_chars.small": 4,
    },
]


def write(path, rows):
    if path.suffix == ".parquet":
        pa.parquet.write_table(pa.Table.from_pylist(rows), path)
    elif path.suffix == ".csv":
        with path.open("w", newline="") as lines:
            writer = csv.DictWriter(lines, rows[0])
            writer.writeheader()
            writer.writerows(rows)
    else:
        path.write_text("\n".join(json.dumps(row) for row in rows))
    return path


def changed(**cells):
    return [ROWS[0], ROWS[1] | {name.replace("__", "."): cell for name, cell in cells.items()}]


@pytest.mark.parametrize("suffix", [".parquet", ".csv", ".jsonl"])
def test_formats_read_alike(tmp_path, suffix):
    """Parquet, CSV and JSON lines give the same table; the better tier on average stands last."""
    table = read_table(write(tmp_path / f"data{suffix}", ROWS))
    assert table.tiers == ("small", "big")
    assert [question.text for question in table.questions] == ["one", "two,\nlines"]
    np.testing.assert_array_equal(table.correct, [[0, 1], [0, 0.5]])
    np.testing.assert_array_equal(table.output_tokens, [[3, 8], [1, np.nan]])


def test_tiers_can_be_chosen_and_ordered(tmp_path):
    """Named tiers are taken in the order given, whatever they score; others are left out."""
    rows = [row | {"correct.odd": 1} for row in ROWS]
    assert read_table(write(tmp_path / "d.jsonl", rows), ("big", "small")).tiers == ("big", "small")


def test_booleans_in_any_spelling_are_correctness(tmp_path):
    """True, false, and their text from a CSV."""
    rows = changed(correct__big=True, correct__small="False")
    np.testing.assert_array_equal(read_table(write(tmp_path / "d.jsonl", rows)).correct[1], [0, 1])


def test_facts_of_the_request_are_read(tmp_path):
    """What the router saw may stand beside the prompt."""
    rows = [{"prompt": "x", "turns": 3, "has_code": "true", "max_tokens": 9}, {"prompt": "y"}]
    _, (first, second) = read_questions(write(tmp_path / "d.jsonl", rows))
    assert (first.turns, first.has_code, first.max_tokens) == (3, True, 9)
    assert (second.turns, second.has_code, second.max_tokens) == (1, False, None)


MESSAGE = st.fixed_dictionaries(
    {"role": st.sampled_from(["system", "user", "assistant", "tool"])},
    optional={
        "content": st.none()
        | st.text(max_size=20)
        | st.integers(3990, 4001).map("x".__mul__)
        | st.lists(
            st.fixed_dictionaries({"type": st.just("text")}, optional={"text": st.text(max_size=20)}), max_size=3
        )
    },
)


@given(messages=st.lists(MESSAGE, min_size=1, max_size=5))
@settings(deadline=None)
def test_conversations_read_as_the_router_reads_them(messages):
    """What is learned from in a log is what is asked about in service, to the letter."""
    body = {"messages": messages}
    assert conversation_text(messages) == prompt_text(body)


def test_messages_stand_in_for_a_prompt(tmp_path):
    """A logged conversation gives the text, its turns, and whether tools were there."""
    talk = [{"role": role, "content": text} for role, text in (("user", "Hi"), ("assistant", "Yes?"), ("user", "Why?"))]
    rows = [{"prompt": "Why?", "messages": talk, "tools": [{"type": "function"}]}, {"messages": talk[:1], "tools": []}]
    _, (first, second) = read_questions(write(tmp_path / "d.jsonl", rows))
    assert (first.text, first.turns, first.has_tools) == ("Why?\nYes?\nHi", 2, True)
    assert (second.text, second.turns, second.has_tools) == ("Hi", 1, False)


def test_lengths_come_from_tokens_or_characters(tmp_path):
    """Tokens win over characters, four characters are a token, and empty answers are not answers."""
    rows = [
        {"prompt": "a", "output_tokens": 7, "output_chars": 400},
        {"prompt": "b", "answer_chars": 40},
        {"prompt": "c", "output_chars.small": 8, "output_tokens.p50": 99},
        {"prompt": "d", "output_tokens": 0},
    ]
    assert read_lengths([write(tmp_path / "d.jsonl", rows)]).tokens.tolist() == [7, 10, 2]


def test_lengths_of_a_table_skip_what_is_not_known(tmp_path):
    """Each known cell is one answer to its prompt."""
    answers = table_lengths(read_table(write(tmp_path / "d.jsonl", ROWS)))
    assert [question.text for question in answers.questions] == ["one", "one", "two,\nlines"]
    assert answers.tokens.tolist() == [3, 8, 1]
    unlabelled = [{k: v for k, v in row.items() if not k.startswith("output")} for row in ROWS]
    assert table_lengths(read_table(write(tmp_path / "e.jsonl", unlabelled))) is None


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (changed(prompt=""), "row 2: prompt: found ''"),
        (changed(prompt=None), "row 2: prompt: found None"),
        (changed(correct__big=1.5), r"row 2: correct\.big: found 1\.5, allowed a number, 0 to 1"),
        (changed(correct__big="yes"), r"row 2: correct\.big: found 'yes'"),
        (changed(correct__big=None), r"row 2: correct\.big: empty"),
        (changed(output_tokens__big=-1), r"row 2: output_tokens\.big: found -1, allowed a number, 0 or more"),
        (changed(max_tokens="many"), "row 2: max_tokens: found 'many'"),
        ([{"prompt": "x", "correct.one": 1}], r"found correct\.one, needs two tiers"),
        ([{"prompt": "x"}], "found none, needs two tiers"),
    ],
)
def test_bad_tables_name_the_column_and_the_row(tmp_path, rows, message):
    """One line that says which cell is wrong and what may stand there."""
    path = write(tmp_path / "bad.jsonl", rows)
    with pytest.raises(DataError, match=message) as raised:
        read_table(path)
    assert str(path) in str(raised.value)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.txt", b"x", "allowed .parquet, .csv, .jsonl"),
        ("a.jsonl", b"", "has no rows"),
        ("a.jsonl", b'{"prompt": "x"}\nnot json', "line 2: not JSON"),
        ("a.jsonl", b"[1]", "line 1: found list, allowed an object"),
        ("a.jsonl", b"\xff\xfe\x00", "cannot be read"),
        ("a.parquet", b"no", "not a Parquet file"),
    ],
)
def test_unreadable_files_say_why(tmp_path, name, content, message):
    """Wrong kind, empty, broken or not text: each says which."""
    (tmp_path / name).write_bytes(content)
    with pytest.raises(DataError, match=message):
        read_table(tmp_path / name)


def test_missing_files_and_tiers_are_named(tmp_path):
    """A path or tier that is not there."""
    with pytest.raises(DataError, match=r"none\.csv: cannot be read"):
        read_table(tmp_path / "none.csv")
    with pytest.raises(DataError, match=r"correct\.huge: not found, there are correct\.big, correct\.small"):
        read_table(write(tmp_path / "d.jsonl", ROWS), ("small", "huge"))
    with pytest.raises(DataError, match="no answer lengths"):
        read_lengths([write(tmp_path / "e.jsonl", [{"prompt": "x"}])])
