"""The judge: how right an answer is, from 0 to 1."""

import json
import re
from typing import Any

from tiers.toys.item import Item

CALL = re.compile(r"\s*<tool_call>(.*)</tool_call>\s*", re.DOTALL)


def judge(item: Item, answer: str) -> float:
    """1 for a right answer, 0 for a wrong one; lists and explanations get the share that is right.

    text: the expected words. number: the last whole number. members: allowed members, as many as asked for.
    clauses: the expected statements, in order. json: an equal value. call: a tool call with an equal value.
    """
    match item.check:
        case "text":
            return float(_words(answer) == _words(item.expected))
        case "number":
            return float(_numbers(answer)[-1:] == _numbers(item.expected)[-1:])
        case "members":
            return _members(item, answer)
        case "clauses":
            return _clauses(item.accepted, answer)
        case "json":
            return float(_parsed(answer) == _parsed(item.expected))
        case "call":
            return float(_call(answer) == _call(item.expected))


def _words(text: str) -> str:
    """Lower-case words with single spaces, without stops and commas."""
    return " ".join(re.sub(r"[^\w\s]", " ", text.lower()).split())


def _numbers(text: str) -> list[int]:
    """Whole numbers in the text; a minus counts as a sign only where no digit stands before it."""
    return [int(number) for number in re.findall(r"(?<![\d-])-?\d+|\d+", text)]


def _members(item: Item, answer: str) -> float:
    """Right members over the larger of asked and given: neither too few nor too many is full marks."""
    asked = len(item.expected.split(","))
    given = [_words(part) for part in answer.split(",")]
    right = set(given) & {_words(member) for member in item.accepted}
    return min(len(right), asked) / max(asked, len(given))


def _clauses(clauses: tuple[str, ...], answer: str) -> float:
    text, at, found = _words(answer), 0, 0
    for clause in map(_words, clauses):
        place = text.find(clause, at)
        if place >= 0:
            found, at = found + 1, place + len(clause)
    return found / len(clauses)


def _parsed(text: str) -> Any:
    """The JSON value, or a value equal to nothing."""
    try:
        return json.loads(text)
    except ValueError:
        return float("nan")


def _call(text: str) -> Any:
    inside = CALL.fullmatch(text)
    return _parsed(inside[1] if inside else "")
