"""A problem in a configuration file, told to the person who has to mend it."""

from collections.abc import Iterable
from dataclasses import dataclass
from difflib import get_close_matches

from pydantic_core import PydanticCustomError


@dataclass(frozen=True, slots=True)
class Problem:
    """One mistake. line, column: from 1. field: as in `tiers.edge.replicas[0].url`, empty for the file."""

    file: str
    line: int
    column: int
    field: str
    message: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}: {self.field or '-'}: {self.message}"


class ConfigError(Exception):
    """A configuration that cannot be served; `problems` holds every mistake found, in the file's order."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(map(str, self.problems)))


def message(found: str, allowed: str) -> str:
    """The one sentence that every problem uses."""
    return f"found {found}, allowed {allowed}"


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """` (did you mean 'context'?)`, or nothing where no known word is close."""
    by_lower = {name.lower(): name for name in known}
    close = get_close_matches(word.lower(), by_lower, n=1, cutoff=0.6)
    return f" (did you mean '{by_lower[close[0]]}'?)" if close else ""


def mistake(found: str, allowed: str, *, at: str = "") -> PydanticCustomError:
    """An error for a validator to raise. at: the key of the validated mapping that is wrong, if it is one."""
    return PydanticCustomError(
        "mistake", "found {found}, allowed {allowed}", {"found": found, "allowed": allowed, "at": at}
    )
