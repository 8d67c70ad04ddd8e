"""One question of the toy corpus, with its expected answer and how an answer to it is judged."""

from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from typing import Any, Literal

import yaml

Check = Literal["text", "number", "members", "clauses", "json", "call"]


@dataclass(frozen=True, slots=True)
class Item:
    """A question.

    family: dotted, `arithmetic.add`. difficulty: 1 (easy) to 5. messages: the conversation in OpenAI's shape,
    the last one to be answered. key: what the splits keep apart; wordings that share a key share a split.
    accepted: for `members` what may be listed, for `clauses` the statements that a full answer makes.
    """

    family: str
    difficulty: int
    messages: tuple[Mapping[str, Any], ...]
    expected: str
    check: Check
    key: str
    accepted: tuple[str, ...] = ()
    tools: tuple[Mapping[str, Any], ...] = ()

    @property
    def prompt(self) -> str:
        """What the user said last."""
        return next(str(m["content"]) for m in reversed(self.messages) if m["role"] == "user")


def user(content: str) -> Mapping[str, Any]:
    return {"role": "user", "content": content}


def assistant(content: str) -> Mapping[str, Any]:
    return {"role": "assistant", "content": content}


def table(name: str) -> Any:
    """One of the YAML tables beside this module."""
    return yaml.safe_load((files("tiers.toys") / "tables" / f"{name}.yaml").read_text(encoding="utf-8"))


def capitalise(text: str) -> str:
    """The text with its first letter large and the rest untouched."""
    return text[:1].upper() + text[1:]
