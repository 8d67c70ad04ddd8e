"""The tools: which calls an answer may or must make."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tiers.llamacpp.fields import Fields, refuse


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
