"""Matching: the compiled rules against the plain reading of them."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from policies.lint_policies import conditions, covers
from policies.match import compile_rules
from policies.schema_policies import Policy, Rule, When
from policies.types import Facts
from tests.policies.fleet import asked

WHENS = st.fixed_dictionaries(
    {},
    optional={
        "prompt_tokens": st.sampled_from([">100", "<=50", "40..120", [10, "200..300"]]),
        "max_tokens": st.sampled_from([">=0", "5..10"]),
        "has_code": st.booleans(),
        "stream": st.booleans(),
        "language": st.sampled_from(["en", ["de", "fr"], "*"]),
        "team": st.sampled_from(["a*", "b", ["a1", "b"]]),
        "hour": st.sampled_from(["22..5", "9..17", 3]),
        "weekday": st.sampled_from(["mon..fri", "sat..sun"]),
        "tag.kind": st.sampled_from(["batch", "b*", "*"]),
    },
)
FACTS = st.builds(
    lambda **changes: replace(asked(), **changes),
    prompt_tokens=st.integers(0, 400),
    max_tokens=st.none() | st.integers(0, 20),
    has_code=st.booleans(),
    stream=st.booleans(),
    language=st.sampled_from(["en", "de", "fr", "und"]),
    team=st.sampled_from(["", "a1", "ab", "b"]),
    hour=st.integers(0, 23),
    weekday=st.integers(0, 6),
    tags=st.sampled_from([{}, {"kind": "batch"}, {"kind": "other"}, {"else": "batch"}]),
)


def rule(number: int, when: dict[str, object]) -> Rule:
    return Rule(name=f"r{number}", when=When.model_validate(when), use=("edge",))


def meets(facts: Facts, when: When) -> bool:
    """The plain reading: every key given admits the request's value, and an absent value meets nothing."""
    for key, condition in conditions(when).items():
        value = facts.tags.get(key.removeprefix("tag.")) if key.startswith("tag.") else getattr(facts, key)
        if value is None or not (value is condition if isinstance(condition, bool) else condition.admits(value)):
            return False
    return True


@given(st.lists(WHENS, max_size=5), FACTS)
def test_the_first_rule_that_holds_wins(whens: list[dict[str, object]], facts: Facts):
    """Compiled rules say what the plain reading says."""
    rules = tuple(rule(number, when) for number, when in enumerate(whens))
    expected = next((each for each in rules if meets(facts, each.when)), None)
    assert compile_rules(Policy(rules=rules)).first(facts) is expected


@given(WHENS, WHENS, FACTS)
def test_a_rule_that_is_covered_never_matches_alone(wide: dict[str, object], narrow: dict[str, object], facts: Facts):
    """When `check` calls a rule unreachable, no request proves it wrong."""
    first, second = When.model_validate(wide), When.model_validate(narrow)
    assert not (covers(first, second) and meets(facts, second)) or meets(facts, first)


def test_an_empty_when_takes_everything():
    """A rule without conditions ends the list."""
    assert compile_rules(Policy(rules=(rule(0, {}),))).first(asked()).name == "r0"


def test_no_rule_takes_nothing():
    assert compile_rules(Policy()).first(asked()) is None


def test_a_key_written_as_nothing_asks_nothing():
    """`team:` with no value is as if it were not there."""
    assert compile_rules(Policy(rules=(rule(0, {"team": None, "n": 1}),))).first(asked()).name == "r0"
