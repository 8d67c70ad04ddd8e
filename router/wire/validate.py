"""What a body must look like before anything is done with it; unknown fields pass."""

from collections.abc import Mapping
from typing import Any

import orjson

from router.errors import ApiError, bad_request

_NUMBERS = {
    "temperature": (0, 2),
    "top_p": (0, 1),
    "presence_penalty": (-2, 2),
    "frequency_penalty": (-2, 2),
}
_COUNTS = {
    "max_tokens": (1, None),
    "max_completion_tokens": (1, None),
    "n": (1, 128),
    "top_logprobs": (0, 20),
}
_ROLES = ("system", "developer", "user", "assistant", "tool", "function")


def parse(raw: bytes) -> dict[str, Any]:
    """The body as a mapping. Raises ApiError 400 that says what was found instead."""
    try:
        body = orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        raise bad_request(f"The body is not valid JSON: {error}.") from None
    if not isinstance(body, dict):
        raise bad_request(f"The body must be a JSON object, found {_kind(body)}.")
    return body


def check(path: str, body: Mapping[str, Any]) -> None:
    """Types and ranges of the fields that Tiergate itself reads. Raises ApiError 400 naming the field."""
    if not isinstance(body.get("model"), str) or not body["model"]:
        raise _wrong("model", body.get("model"), "a non-empty string")
    if path == "/v1/chat/completions":
        _check_messages(body.get("messages"))
    elif path == "/v1/completions":
        _check_prompt(body.get("prompt"))
    else:
        _check_input(body.get("input"))
    _check_sampling(body)


def _check_sampling(body: Mapping[str, Any]) -> None:
    _check_flags(body)
    for name, (low, high) in _COUNTS.items():
        value = body.get(name)
        if value is not None and not (_is_int(value) and value >= low and (high is None or value <= high)):
            allowed = f"an integer from {low}" + (f" to {high}" if high else "")
            raise _wrong(name, value, allowed)
    for name, (low, high) in _NUMBERS.items():
        value = body.get(name)
        if value is not None and not (_is_number(value) and low <= value <= high):
            raise _wrong(name, value, f"a number from {low} to {high}")
    for name in ("stream_options", "response_format", "metadata", "logit_bias"):
        if not isinstance(body.get(name), dict | None):
            raise _wrong(name, body[name], "an object")
    if not isinstance(body.get("tools"), list | None):
        raise _wrong("tools", body["tools"], "a list")


def _check_flags(body: Mapping[str, Any]) -> None:
    if not isinstance(body.get("stream"), bool | None):
        raise _wrong("stream", body["stream"], "true or false")
    if not isinstance(body.get("logprobs"), int | None):  # a number in the older API, true or false in chat
        raise _wrong("logprobs", body["logprobs"], "true or false")


def _check_messages(messages: Any) -> None:
    if not isinstance(messages, list) or not messages:
        raise _wrong("messages", messages, "a non-empty list of messages")
    for at, message in enumerate(messages):
        where = f"messages.{at}"
        if not isinstance(message, dict):
            raise _wrong(where, message, "an object with 'role' and 'content'")
        if message.get("role") not in _ROLES:
            raise _wrong(f"{where}.role", message.get("role"), "one of " + ", ".join(_ROLES))
        content = message.get("content")
        if content is not None and not isinstance(content, str | list):
            raise _wrong(f"{where}.content", content, "a string, a list of parts, or null")
        if isinstance(content, list) and not all(isinstance(part, dict) for part in content):
            raise _wrong(f"{where}.content", content, "a list of objects with 'type'")


def _check_prompt(prompt: Any) -> None:
    if isinstance(prompt, str):
        return
    if not (isinstance(prompt, list) and prompt and all(isinstance(p, str | int | list) for p in prompt)):
        raise _wrong("prompt", prompt, "a string, or a list of strings or token ids")


def _check_input(value: Any) -> None:
    if not (isinstance(value, str) or (isinstance(value, list) and value)):
        raise _wrong("input", value, "a string, or a non-empty list of strings or token ids")


def _wrong(param: str, found: Any, allowed: str) -> ApiError:
    said = "nothing" if found is None else _kind(found)
    return bad_request(f"Invalid '{param}': found {said}, allowed: {allowed}.", param=param)


def _kind(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return f"the number {value}"
    if isinstance(value, str):
        return f"the string {value[:40]!r}"
    return {list: "a list", dict: "an object", type(None): "null"}.get(type(value), "something else")


def _is_int(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
