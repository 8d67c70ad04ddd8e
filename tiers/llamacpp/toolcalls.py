"""The tool calls: how they are read out of an answer while it is being written."""

import json
import re
import secrets
from typing import Any, Protocol, TypeAlias

OPEN, CLOSE = "<tool_call>", "</tool_call>"

Delta: TypeAlias = dict[str, Any]
"""One item of OpenAI's `delta.tool_calls`: a call's beginning has an id and a name, what follows only arguments."""


class ToolReader(Protocol):
    """Splits an answer under way into text and tool calls."""

    calls: int

    def feed(self, text: str) -> tuple[str, list[Delta]]:
        """What can be sent now."""
        ...

    def finish(self) -> tuple[str, list[Delta]]:
        """What was held back when the answer ends."""
        ...


def reader_for(*, forced: bool) -> ToolReader:
    """forced: a grammar sees to it that the answer is one call's JSON."""
    return ForcedCallReader() if forced else HermesReader()


class ForcedCallReader:
    """Reads `{"name": ..., "arguments": ...}`, which a grammar guarantees, and lets the arguments out as they come."""

    _HEAD = re.compile(r'\s*\{\s*"name"\s*:\s*("(?:[^"\\]|\\.)*")\s*,\s*"arguments"\s*:\s*')

    def __init__(self) -> None:
        self.calls = 0
        self._held = ""
        self._arguments = JsonValue()

    def feed(self, text: str) -> tuple[str, list[Delta]]:
        if self.calls:
            return "", self._more(text)
        self._held += text
        head = self._HEAD.match(self._held)
        if head is None:
            return "", []
        rest, self._held, self.calls = self._held[head.end() :], "", 1
        return "", [_beginning(0, json.loads(head[1])), *self._more(rest)]

    def finish(self) -> tuple[str, list[Delta]]:
        """An answer that was cut off before its call had a name is text."""
        return self._held, []

    def _more(self, text: str) -> list[Delta]:
        inside = self._arguments.feed(text)
        return [{"index": 0, "function": {"arguments": inside}}] if inside else []


class JsonValue:
    """Finds where a JSON value within an object ends, while it is being written."""

    def __init__(self) -> None:
        self._depth = 0
        self._in_string = False
        self._escaped = False
        self._spaces = ""

    def feed(self, text: str) -> str:
        """The part of `text` that belongs to the value; spaces only once something follows them."""
        if self._depth < 0:
            return ""
        for place, letter in enumerate(text):
            self._step(letter)
            if self._depth < 0:
                return self._without_last_spaces(text[:place])
        return self._without_last_spaces(text)

    def _step(self, letter: str) -> None:
        if self._in_string:
            self._in_string = self._escaped or letter != '"'
            self._escaped = letter == "\\" and not self._escaped
        elif letter == '"':
            self._in_string = True
        else:
            self._depth += (letter in "{[") - (letter in "}]")

    def _without_last_spaces(self, text: str) -> str:
        text = self._spaces + text
        kept = text.rstrip()
        self._spaces = text[len(kept) :]
        return kept


class HermesReader:
    """Reads `<tool_call>{...}</tool_call>` blocks at the beginning of an answer, the form that most models know.

    A call is let out once its block is whole; what cannot be read as a call is given back as text.
    """

    def __init__(self) -> None:
        self.calls = 0
        self._held = ""
        self._text_only = False

    def feed(self, text: str) -> tuple[str, list[Delta]]:
        if self._text_only:
            return text, []
        self._held += text
        deltas: list[Delta] = []
        while (begun := self._held.lstrip()).startswith(OPEN):
            block, closed, rest = begun[len(OPEN) :].partition(CLOSE)
            if not closed:
                return "", deltas
            call = self._read(block)
            if call is None:
                return self._give_back(), deltas
            deltas.append(call)
            self._held = rest
        return ("" if OPEN.startswith(begun) else self._give_back()), deltas

    def finish(self) -> tuple[str, list[Delta]]:
        """Many models end their turn without closing the last block; that counts as well."""
        begun = self._held.lstrip()
        call = self._read(begun[len(OPEN) :]) if begun.startswith(OPEN) else None
        return ("", [call]) if call is not None else (self._give_back(), [])

    def _give_back(self) -> str:
        held, self._held, self._text_only = self._held, "", True
        return held

    def _read(self, block: str) -> Delta | None:
        """The call that `block` is, whole; None where it is none."""
        try:
            value = json.loads(block)
        except ValueError:
            return None
        if not isinstance(value, dict) or not isinstance(value.get("name"), str):
            return None
        arguments = value.get("arguments", value.get("parameters", {}))
        text = arguments if isinstance(arguments, str) else json.dumps(arguments, ensure_ascii=False)
        self.calls += 1
        return _beginning(self.calls - 1, value["name"], text)


def _beginning(index: int, name: str, arguments: str = "") -> Delta:
    function = {"name": name, "arguments": arguments}
    return {"index": index, "id": f"call_{secrets.token_hex(12)}", "type": "function", "function": function}
