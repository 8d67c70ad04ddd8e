"""The agreement of two answers: where two cheap models say the same, a dearer one would seldom say otherwise.

What is compared is what each answer comes to: a choice, a number, or the words; open text by its embedding, where one
is given. Two answers that say nothing do not agree.
"""

import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

Kind = Literal["choice", "number", "exact", "meaning"]
Embed = Callable[[Sequence[str]], npt.NDArray[np.float32]]

NEAR = 0.9  # the least cosine of two open answers that mean the same, for all-MiniLM-L6-v2
SHORT_CHARS = 80  # answers up to this are compared by their words alone, without an embedding
_TELLS = r"(?i:answer|result|solution|option|choice)(?: is| are|:| =|\s)*"
_CHOICE = re.compile(rf"{_TELLS}[\s*_$]*(?:\\boxed\{{|\\text\{{)*\(?([A-J])\)?(?![A-Za-z'])")
_LONE_CHOICE = re.compile(r"[\s*_]*(?:\(([A-J])\)|([A-J])(?=[*_]*(?:[.):]|\s*$)))")
_DIGITS = r"-?\$?\s?-?\d[\d,]*(?:\.\d+)?"
_NUMBER = re.compile(rf"(?:####|\\boxed\{{|{_TELLS})[\s*_$]*({_DIGITS})", re.IGNORECASE)
_ANY_NUMBER = re.compile(_DIGITS)
_WORD = re.compile(r"\w+", re.UNICODE)
_ARTICLES = frozenset(("a", "an", "the", "is", "it", "answer"))


@dataclass(frozen=True, slots=True)
class Agreement:
    """agrees: whether both come to the same. kind: what was compared; None where nothing could be."""

    agrees: bool
    kind: Kind | None


def agreement(first: str, second: str, embed: Embed | None = None, near: float = NEAR) -> Agreement:
    """Compare two answers to one request.

    embed: unit vectors of texts; without one long open answers agree only where their words are equal. near: the
    least cosine that counts as the same meaning.
    """
    said = choice(first), choice(second)
    if said[0] and said[1]:
        return Agreement(said[0] == said[1], "choice")
    found = number(first), number(second)
    if found[0] is not None and found[1] is not None:
        return Agreement(math.isclose(found[0], found[1], rel_tol=1e-6, abs_tol=1e-9), "number")
    words = _words(first), _words(second)
    if not words[0] or not words[1]:
        return Agreement(agrees=False, kind=None)
    if words[0] == words[1] or embed is None or max(len(first), len(second)) <= SHORT_CHARS:
        return Agreement(words[0] == words[1], "exact")
    if _numbers(first) != _numbers(second):
        return Agreement(agrees=False, kind="meaning")
    one, other = embed([first, second])
    return Agreement(float(one @ other) >= near, "meaning")


def choice(answer: str) -> str | None:
    """The letter A to J that an answer settles on last, None where it settles on none."""
    told = _CHOICE.findall(answer)
    if told:
        return str(told[-1])
    lone = _LONE_CHOICE.match(answer)
    return lone[1] or lone[2] if lone else None


def number(answer: str) -> float | None:
    """The number that an answer settles on: after "the answer is", `####` or in a box, or a short text's only one."""
    told = _NUMBER.findall(answer) or (_ANY_NUMBER.findall(answer) if len(answer) <= SHORT_CHARS else [])
    if not told or (len(set(told)) > 1 and not _NUMBER.search(answer)):
        return None
    return float(re.sub(r"[$,\s]", "", told[-1]))


def _numbers(answer: str) -> frozenset[str]:
    """All numbers in a text: what differs in one does not mean the same, however near its embedding."""
    return frozenset(re.sub(r"[$,\s]", "", found) for found in _ANY_NUMBER.findall(answer))


def _words(answer: str) -> tuple[str, ...]:
    return tuple(word for word in _WORD.findall(answer.lower()) if word not in _ARTICLES)
