"""Matching: a policy's rules, compiled once to functions of the facts."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from policies.conditions import Cycle, Numbers, Texts
from policies.schema_policies import Policy, Rule, When
from policies.types import Facts

Test = Callable[[Facts], bool]


@dataclass(frozen=True, slots=True)
class CompiledRules:
    """Rules in the file's order, each with the tests that must all hold."""

    rules: tuple[tuple[Rule, tuple[Test, ...]], ...]

    def first(self, facts: Facts) -> Rule | None:
        """The first rule that the request meets."""
        for rule, tests in self.rules:
            for test in tests:
                if not test(facts):
                    break
            else:
                return rule
        return None


def compile_rules(policy: Policy) -> CompiledRules:
    return CompiledRules(tuple((rule, _tests(rule.when)) for rule in policy.rules))


def _tests(when: When) -> tuple[Test, ...]:
    """One test for each key that is given; cheap comparisons first."""
    names = sorted(when.model_fields_set - {"tag"}, key=_cost)
    tests = [_test(name, getattr(when, name)) for name in names if getattr(when, name) is not None]
    return (*tests, *(_tag_test(name, condition) for name, condition in when.tag.items()))


def _cost(name: str) -> tuple[bool, str]:
    return not name.startswith(("has_", "wants_", "stream")), name


def _test(name: str, condition: Any) -> Test:
    if isinstance(condition, Numbers):
        return _number_test(name, condition)
    if isinstance(condition, Texts):
        admits = condition.tester()
        return lambda facts: admits(getattr(facts, name))
    if isinstance(condition, Cycle):
        members = condition.members
        return lambda facts: getattr(facts, name) in members
    return lambda facts: getattr(facts, name) is condition


def _number_test(name: str, condition: Numbers) -> Test:
    """A number that is absent meets no condition."""

    def holds(facts: Facts) -> bool:
        value = getattr(facts, name)
        return value is not None and condition.admits(value)

    return holds


def _tag_test(name: str, condition: Texts) -> Test:
    """A tag that is absent meets no condition, `*` neither."""
    admits = condition.tester()

    def holds(facts: Facts) -> bool:
        value = facts.tags.get(name)
        return value is not None and admits(value)

    return holds
