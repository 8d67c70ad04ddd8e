"""The beginning of an answer that the request brings along, as the model would have written it."""

import json
from collections.abc import Mapping
from typing import Any

from tiers.llamacpp.refusal import Refusal
from tiers.llamacpp.toolcalls import CLOSE, OPEN


def begun_text(message: Mapping[str, Any], *, forced: bool) -> str:
    """What stands after the prompt when the last message is the beginning of the answer.

    forced: the answer is one call's JSON. Raises Refusal where the message is no beginning: another's turn, or a tool
    call that breaks off where it cannot be gone on with, as its reader lets calls out only whole.
    """
    if message.get("role") != "assistant":
        raise _refuse("the last message must be the assistant's")
    calls = message.get("tool_calls") or []
    if forced:
        return _forced(calls)
    return "".join(_whole(call) for call in calls) + str(message["content"])


def _forced(calls: list[Any]) -> str:
    """The one call, its arguments as far as they go; nothing where it has not begun."""
    if not calls:
        return ""
    name, arguments = _function(calls[0])
    return f'{{"name": {json.dumps(name, ensure_ascii=False)}, "arguments": {arguments}'


def _whole(call: Any) -> str:
    name, arguments = _function(call)
    try:
        body = {"name": name, "arguments": json.loads(arguments or "{}")}
    except ValueError:
        raise _refuse("only a forced tool call can be gone on with in its middle") from None
    return f"{OPEN}\n{json.dumps(body, ensure_ascii=False)}\n{CLOSE}\n"


def _function(call: Any) -> tuple[str, str]:
    function = call.get("function") if isinstance(call, dict) else None
    if not isinstance(function, dict) or not isinstance(function.get("name"), str):
        raise _refuse("a tool call needs `function.name`")
    return function["name"], str(function.get("arguments") or "")


def _refuse(why: str) -> Refusal:
    return Refusal(f"continue_final_message: {why}", param="messages")
