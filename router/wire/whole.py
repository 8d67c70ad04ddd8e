"""A finished answer: its bytes, and the few things that are read out of it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from tiers.errors import Broken


@dataclass(frozen=True, slots=True)
class Answered:
    """raw: what is sent to the caller. data: the same, parsed. usage: the engine's, None where it gave none."""

    raw: bytes
    data: Mapping[str, Any]

    @classmethod
    def of(cls, data: Mapping[str, Any]) -> "Answered":
        return cls(orjson.dumps(data), data)

    @property
    def usage(self) -> Mapping[str, Any] | None:
        usage = self.data.get("usage")
        return usage if isinstance(usage, Mapping) else None

    @property
    def finish_reason(self) -> str:
        """The first choice's; "" where the answer has no choices (embeddings)."""
        choices = self.data.get("choices")
        if isinstance(choices, list) and choices and isinstance(choices[0], Mapping):
            return str(choices[0].get("finish_reason") or "")
        return ""

    def text(self) -> str:
        """All generated text, to count where no usage was given."""
        choices = self.data.get("choices")
        return "".join(_text(choice) for choice in choices) if isinstance(choices, list) else ""


def read_whole(raw: bytes) -> Answered:
    """Raises Broken where the bytes are not a JSON object."""
    try:
        data = orjson.loads(raw)
    except orjson.JSONDecodeError:
        raise Broken("the engine's answer is not valid JSON") from None
    if not isinstance(data, dict):
        raise Broken("the engine's answer is not a JSON object")
    return Answered(raw, data)


def _text(choice: Any) -> str:
    if not isinstance(choice, Mapping):
        return ""
    message = choice.get("message")
    said = message.get("content") if isinstance(message, Mapping) else choice.get("text")
    return said if isinstance(said, str) else ""
