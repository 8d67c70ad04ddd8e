"""Reading YAML: plain values, the environment, places, and files that are no configuration."""

from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policies.document import MAX_BYTES, parse
from policies.load import ConfigError, loads
from tests.policies.fleet import TIERS, problems


def read(text: str, **env: str):
    document = parse(text, "f", env)
    assert not document.problems, document.problems
    return document.data


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("true", True),
        ("no", "no"),
        ("on", "on"),
        ("1:30", "1:30"),
        ("2026-11-21", "2026-11-21"),
        ("0.1", Decimal("0.1")),
        ("1e3", Decimal("1e3")),
        ("-7", -7),
        ("'7'", "7"),
        ("~", None),
        ("", None),
        ("1e999999999", "1e999999999"),
        ("9" * 5000, "9" * 5000),
    ],
)
def test_plain_values_are_those_of_yaml_1_2(written: str, value: object):
    """Money keeps its digits, Norway is not false, and a number too long to be one stays text."""
    found = read(f"a: {written}")["a"]
    assert found == value
    assert type(found) is type(value)


def test_keys_are_text():
    """`on` and numbers are keys as they are written."""
    assert read("on: {1: a, true: b}") == {"on": {"1": "a", "true": "b"}}


def test_the_environment_is_put_in():
    """Inside words, in flow mappings and with a default; an empty variable takes the default too."""
    data = read("{a: ${A}, b: 'x-${A}-${B:-y}', c: ${C:-http://h:1/v1}, d: '${E:-}'}", A="1", C="")
    assert data == {"a": "1", "b": "x-1-y", "c": "http://h:1/v1", "d": ""}


def test_numbers_may_come_from_the_environment():
    """A port or a price is a number although the environment only has text."""
    made = loads(TIERS + "server: {port: ${PORT}}", "f", {"PORT": "9000"})
    assert made.server.port == 9000


def test_a_comment_needs_no_environment():
    """A variable named in a comment is not asked for."""
    assert read("a: 1 # ${NOT_SET}") == {"a": 1}


def test_merged_mappings_give_way_to_what_is_written():
    """`<<` takes over another mapping's keys."""
    assert read("a: &a {x: 1, y: 2}\nb: {<<: *a, y: 3}")["b"] == {"x": 1, "y": 3}


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "1:1: -: found an empty file, allowed a mapping that begins with 'tiers:' or 'version: 1'"),
        ("- a", "1:1: -: found a list, allowed a mapping that begins with 'tiers:' or 'version: 1'"),
        ("a", "1:1: -: found a single value, allowed a mapping that begins with 'tiers:' or 'version: 1'"),
        ("a: 1\n b: 2", "2:3: -: found broken YAML: mapping values are not allowed here, allowed valid YAML"),
        ("tiers: {a: ${A}", "1:16: -: found broken YAML: expected ',' or '}', but got '<stream end>'"),
        (b"a: \xff", "1:4: -: found the byte 0xff, allowed text in UTF-8"),
        ("a: 1\nb: \x07", "2:4: -: found the character #x0007, allowed printable text"),
        ("[" * 700, "1:1: -: found values nested too deeply"),
        ("a: 1\n---\nb: 1", "2:1: -: found broken YAML: but found another document expected a single document"),
    ],
)
def test_what_is_no_configuration_is_told(text: str | bytes, told: str):
    """The place and the reason, never a traceback."""
    [problem] = problems(text)
    assert problem.startswith(f"fleet.yaml:{told}")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("a: 1\na: 2", "2:1: a: found the key 'a' again, allowed it once (first in line 1)"),
        ("a: ${X}", "1:4: a: found ${X}, which is not set, allowed an environment with X, or ${X:-default}"),
        ("a: '${1 X}'", "1:4: a: found '${1 X}', allowed ${NAME} or ${NAME:-default}"),
        ("a: !!python/object:os.system x", "1:4: a: found the tag 'tag:yaml.org,2002:python/object:os.system'"),
        ("[a]: 1", "1:1: -: found a list as a key, allowed text as a key"),
        ("a: &a [*a]", "1:4: a[0]: found a value that contains itself or is nested too deeply"),
        ("a: {<<: [1]}", "1:9: a: found a list after '<<', allowed a mapping, as *name"),
    ],
)
def test_values_that_cannot_be_read_are_told(text: str, told: str):
    """Each at its own place."""
    assert any(problem.startswith(f"fleet.yaml:{told}") for problem in problems(text))


def test_aliases_cannot_blow_up_the_memory():
    """A billion laughs is one problem, found quickly."""
    lines = ["a0: &a0 [x]"] + [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]" for i in range(1, 10)]
    assert any("more values than a configuration has" in problem for problem in problems("\n".join(lines)))


def test_a_large_file_is_not_read():
    """A log given by mistake is refused by its size."""
    [problem] = problems("#" * (MAX_BYTES + 1))
    assert "at most 262,144 bytes" in problem


def test_a_byte_order_mark_is_no_mistake():
    """Editors on Windows write one."""
    assert problems(b"\xef\xbb\xbf" + TIERS.encode()) == []


def test_a_mapping_that_merges_another_keeps_its_own_place():
    """A mistake in it is told where it stands, not where the other does; merged keys are told at the other."""
    text = "tiers:\n  a: &a {engine: vllm, model: m, x: 1}\n  b:\n    <<: *a\n    replicas: []\n"
    assert [problem.split(": found")[0] for problem in problems(text)] == [
        "fleet.yaml:2:34: tiers.a.x",
        "fleet.yaml:2:34: tiers.b.x",
    ]
    assert [problem.split(": found")[0] for problem in problems(text.replace(", x: 1", ""))] == [
        "fleet.yaml:2:3: tiers.a.replicas",
        "fleet.yaml:5:15: tiers.b.replicas",
    ]


def refused_or_loaded(text: str | bytes) -> bool:
    try:
        loads(text, "f", {"HOME": "/"})
    except ConfigError as error:
        return len(error.problems) > 0 and all(p.line >= 1 and p.column >= 1 for p in error.problems)
    return True


EXAMPLE = (Path(__file__).parents[2] / "configs/fleet.yaml").read_text()
WORDS = """version server tiers models policies budgets edge default rules when use route cascade first then engine
model replicas url price input output host port candidates fallback order on tag.x hour prompt_tokens name << cache"""
KEYS = st.sampled_from(WORDS.split())
SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=8),
    st.sampled_from(["edge", "llama.cpp", "vllm", "auto", ">5", "1..2", "${HOME}", "${NOPE}", "http://h:1", "22..5"]),
)
TREES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=4), max_leaves=12
)


@given(st.binary(max_size=200) | st.text(max_size=200))
def test_arbitrary_bytes_are_refused_with_a_place(text: str | bytes):
    """Nothing but ConfigError leaves the loader, whatever the file holds."""
    assert refused_or_loaded(text)


@given(st.dictionaries(KEYS, TREES, max_size=6))
def test_arbitrary_values_at_known_keys_are_refused_with_a_place(tree: dict[str, object]):
    """The same for YAML that looks like a configuration."""
    assert refused_or_loaded(yaml_of(tree))


@given(
    st.lists(
        st.tuples(st.integers(0, 5000), st.sampled_from(["", " ", ":", "-", "9", "x", "[", "'", "\n"])), max_size=4
    )
)
def test_a_slip_of_the_finger_is_refused_with_a_place(slips: list[tuple[int, str]]):
    """The example fleet with a few characters replaced loads or is refused."""
    text = EXAMPLE
    for place, character in slips:
        text = text[: place % len(text)] + character + text[place % len(text) + 1 :]
    assert refused_or_loaded(text)


def yaml_of(value: object) -> str:
    """Flow YAML, in which keys and texts stand as they are where they can."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key}: {yaml_of(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(yaml_of, value)) + "]"
    if isinstance(value, str):
        return "'" + value.replace("'", "''") + "'"
    return {None: "~", True: "true", False: "false"}.get(value) or str(value)
