"""A condition: the set of values that one key of a rule's `when` admits."""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from policies.problems import mistake

COMPARISON = re.compile(r"(>=|<=|==|>|<)?\s*(\d{1,12})")
RANGE = re.compile(r"(\d{1,12})\s*\.\.\s*(\d{1,12})")
DAY_NAMES = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
NUMBERS_ALLOWED = 'a whole number, a comparison such as ">2000" or a range such as "200..500"'
HOURS_ALLOWED = 'an hour from 0 to 23, or a range such as "9..17" or "22..5"'
HOURS = {form: hour for hour in range(24) for form in (f"{hour}", f"{hour:02}")}
DAYS = {name[:length]: day for day, name in enumerate(DAY_NAMES) for length in (3, len(name))}
DAYS_ALLOWED = f'one of {", ".join(name[:3] for name in DAY_NAMES)}, or a range such as "mon..fri"'
TEXT_ALLOWED = "text, in which * stands for anything, or a list of such texts"


@dataclass(frozen=True, slots=True)
class Numbers:
    """Whole numbers inside any of `spans`: pairs of lowest and highest, both included; None has no end."""

    spans: tuple[tuple[int, int | None], ...]

    def admits(self, value: int) -> bool:
        return any(low <= value and (high is None or value <= high) for low, high in self.spans)

    def within(self, other: "Numbers") -> bool:
        """Whether each span lies in one span of the other (enough to prove that other admits all of this)."""
        return all(any(_inside(mine, theirs) for theirs in other.spans) for mine in self.spans)


@dataclass(frozen=True, slots=True)
class Texts:
    """Texts equal to one of `exact` or matching one of the `globs`, in which * stands for anything."""

    exact: frozenset[str]
    globs: tuple[str, ...] = ()

    def admits(self, value: str) -> bool:
        return value in self.exact or any(_glob(pattern).fullmatch(value) for pattern in self.globs)

    def within(self, other: "Texts") -> bool:
        return set(self.globs) <= set(other.globs) and all(other.admits(text) for text in self.exact)

    def tester(self) -> Callable[[str], bool]:
        """`admits`, with its patterns compiled once."""
        if not self.globs:
            return self.exact.__contains__
        pattern = re.compile("|".join(_glob(glob).pattern for glob in self.globs), re.DOTALL)
        exact = self.exact
        return lambda value: value in exact or pattern.fullmatch(value) is not None


@dataclass(frozen=True, slots=True)
class Cycle:
    """Hours of the day (0-23) or days of the week (0-6, Monday 0)."""

    members: frozenset[int]

    def admits(self, value: int) -> bool:
        return value in self.members

    def within(self, other: "Cycle") -> bool:
        return self.members <= other.members


def numbers(raw: Any) -> Numbers:
    """Read `">2000"`, `"200..500"`, `3` or a list of these. Raises pydantic's error for anything else."""
    return Numbers(tuple(_span(item) for item in _listed(raw, NUMBERS_ALLOWED)))


def texts(raw: Any) -> Texts:
    """Read a text with `*` as a wildcard, or a list of these. Raises pydantic's error for anything else."""
    words = [_word(item) for item in _listed(raw, TEXT_ALLOWED)]
    return Texts(
        exact=frozenset(word for word in words if "*" not in word),
        globs=tuple(word for word in words if "*" in word),
    )


def hours(raw: Any) -> Cycle:
    """Read `7`, `"9..17"`, `"22..5"` (over midnight) or a list of these; both ends are included."""
    return _cycle(raw, HOURS, HOURS_ALLOWED)


def weekdays(raw: Any) -> Cycle:
    """Read `sat`, `"mon..fri"` or a list of these; both ends are included."""
    return _cycle(raw, DAYS, DAYS_ALLOWED)


def _span(raw: Any) -> tuple[int, int | None]:
    text = _word(raw).strip()
    if between := RANGE.fullmatch(text):
        low, high = int(between[1]), int(between[2])
        if low > high:
            raise mistake(repr(text), f'a range from the lower to the higher, such as "{high}..{low}"')
        return low, high
    if not (compared := COMPARISON.fullmatch(text)):
        raise mistake(repr(raw), NUMBERS_ALLOWED)
    return _compared(compared[1] or "==", int(compared[2]), text)


def _compared(sign: str, bound: int, text: str) -> tuple[int, int | None]:
    if sign == "<" and bound == 0:
        raise mistake(repr(text), "a comparison that some number meets (counts are never below 0)")
    spans: dict[str, tuple[int, int | None]] = {
        ">": (bound + 1, None),
        ">=": (bound, None),
        "<": (0, bound - 1),
        "<=": (0, bound),
        "==": (bound, bound),
    }
    return spans[sign]


def _cycle(raw: Any, names: Mapping[str, int], allowed: str) -> Cycle:
    """Names and ranges of names; a range may go round the end."""
    size = max(names.values()) + 1
    members: set[int] = set()
    for item in _listed(raw, allowed):
        ends = [names.get(end.strip().lower()) for end in _word(item).split("..")]
        first, last = ends[0], ends[-1]
        if len(ends) > 2 or first is None or last is None:
            raise mistake(repr(item), allowed)
        members.update((first + step) % size for step in range((last - first) % size + 1))
    return Cycle(frozenset(members))


def _listed(raw: Any, allowed: str) -> Iterable[Any]:
    items = list(raw) if isinstance(raw, list | tuple) else [raw]
    if not items:
        raise mistake("an empty list", allowed)
    return items


def _word(raw: Any) -> str:
    if isinstance(raw, bool) or not isinstance(raw, str | int):
        raise mistake(_named(raw), "text or a number")
    return str(raw)


def _named(raw: Any) -> str:
    kinds = {dict: "a mapping", list: "a list", type(None): "nothing"}
    return kinds.get(type(raw), str(raw).lower() if isinstance(raw, bool) else str(raw))


def _glob(pattern: str) -> re.Pattern[str]:
    return re.compile(".*".join(map(re.escape, pattern.split("*"))), re.DOTALL)


def _inside(mine: tuple[int, int | None], theirs: tuple[int, int | None]) -> bool:
    reaches = theirs[1] is None or (mine[1] is not None and mine[1] <= theirs[1])
    return theirs[0] <= mine[0] and reaches
