"""The tools: which calls an answer may or must make, and how they are read out of its text."""

import json
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tiers.llamacpp.fields import Fields, refuse

OPEN, CLOSE = "<tool_call>", "</tool_call>"


@dataclass(frozen=True, slots=True)
class ToolUse:
    """The tools a chat was given. forced: the answer must be a call, of one of `callable_tools`."""

    tools: tuple[Mapping[str, Any], ...]
    forced: bool
    callable_tools: tuple[Mapping[str, Any], ...]

    def schema(self) -> Mapping[str, Any]:
        """The JSON schema of one call: `{"name": ..., "arguments": {...}}`."""
        return {"anyOf": [_call_schema(tool["function"]) for tool in self.callable_tools]}


def read_tools(fields: Fields) -> ToolUse | None:
    """None where no tool may be called. Raises Refusal naming `tools` or `tool_choice`."""
    tools = fields.objects("tools")
    for i, tool in enumerate(tools):
        function = tool.get("function")
        if not isinstance(function, dict) or not isinstance(function.get("name"), str):
            raise refuse(f"tools[{i}]", tool, '{"type": "function", "function": {"name": ..., "parameters": {...}}}')
    choice = fields.raw("tool_choice")
    if choice == "none" or not tools:
        if choice not in (None, "none", "auto"):
            raise refuse("tool_choice", choice, "no choice without `tools`")
        return None
    if choice in (None, "auto"):
        return ToolUse(tuple(tools), forced=False, callable_tools=tuple(tools))
    if choice == "required":
        return ToolUse(tuple(tools), forced=True, callable_tools=tuple(tools))
    named = [tool for tool in tools if tool["function"]["name"] == _chosen_name(choice)]
    if not named:
        raise refuse("tool_choice", choice, "none, auto, required, or one of the tools by name")
    return ToolUse(tuple(tools), forced=True, callable_tools=tuple(named))


def _chosen_name(choice: Any) -> str | None:
    function = choice.get("function") if isinstance(choice, dict) else None
    return function.get("name") if isinstance(function, dict) else None


def _call_schema(function: Mapping[str, Any]) -> Mapping[str, Any]:
    return {
        "type": "object",
        "properties": {
            "name": {"const": function["name"]},
            "arguments": function.get("parameters") or {"type": "object"},
        },
        "required": ["name", "arguments"],
        "additionalProperties": False,
    }


@dataclass(frozen=True, slots=True)
class ToolCall:
    """One call: the function's name and its arguments as JSON text."""

    name: str
    arguments: str


class ToolReader:
    """Splits an answer under way into text and tool calls.

    forced: all of the answer is one call's JSON. Otherwise a call stands between `<tool_call>` and `</tool_call>`
    (the Hermes form) and the answer begins with one, or it is text from end to end. What cannot be read as a call is
    given back as text.
    """

    def __init__(self, *, forced: bool) -> None:
        self._forced = forced
        self._held = ""
        self._text_only = False
        self._called = False

    def feed(self, text: str) -> tuple[str, list[ToolCall]]:
        """The text to send now and the calls that are complete."""
        if self._text_only:
            return text, []
        self._held += text
        if self._forced:
            return "", []
        return self._take_blocks()

    def finish(self) -> tuple[str, list[ToolCall]]:
        """What is left when the answer ends."""
        held, self._held = self._held, ""
        call = read_call(held.removeprefix(OPEN) if not self._forced else held)
        if call is not None and (self._forced or held.startswith(OPEN)):
            return "", [call]
        return held, []

    def _take_blocks(self) -> tuple[str, list[ToolCall]]:
        calls: list[ToolCall] = []
        while True:
            held = self._held.lstrip()
            if held.startswith(OPEN):
                block, closed, rest = held[len(OPEN) :].partition(CLOSE)
                if not closed:
                    return "", calls
                call = read_call(block)
                if call is None:
                    return self._give_up(), calls
                calls.append(call)
                self._called, self._held = True, rest
            elif OPEN.startswith(held):
                return "", calls
            else:
                return self._give_up(), calls

    def _give_up(self) -> str:
        held, self._held, self._text_only = self._held, "", True
        return held


def read_call(text: str) -> ToolCall | None:
    """The call that `text` is, or None."""
    try:
        value = json.loads(text)
    except ValueError:
        return None
    if not isinstance(value, dict) or not isinstance(value.get("name"), str):
        return None
    arguments = value.get("arguments", value.get("parameters", {}))
    return ToolCall(value["name"], arguments if isinstance(arguments, str) else json.dumps(arguments))


def calls_as_deltas(calls: Sequence[ToolCall], first_index: int) -> list[dict[str, Any]]:
    """OpenAI's `tool_calls` items of a stream's delta."""
    return [
        {
            "index": index,
            "id": f"call_{secrets.token_hex(12)}",
            "type": "function",
            "function": {"name": call.name, "arguments": call.arguments},
        }
        for index, call in enumerate(calls, first_index)
    ]
