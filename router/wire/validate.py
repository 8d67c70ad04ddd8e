"""What a body must look like before anything is done with it; unknown fields pass."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from router.errors import ApiError, bad_request

_ROLES = ("system", "developer", "user", "assistant", "tool", "function")


@dataclass(frozen=True, slots=True)
class _Allowed:
    """What one field may be. words: the same for a person."""

    admits: Callable[[Any], bool]
    words: str


def _count(low: int, high: int | None = None) -> _Allowed:
    most = float("inf") if high is None else high
    words = f"an integer from {low}" + (f" to {high}" if high else "")
    return _Allowed(
        lambda value: isinstance(value, int) and not isinstance(value, bool) and low <= value <= most, words
    )


def _number(low: float, high: float) -> _Allowed:
    def admits(value: Any) -> bool:
        return isinstance(value, int | float) and not isinstance(value, bool) and low <= value <= high

    return _Allowed(admits, f"a number from {low} to {high}")


def _one_of(kind: type, words: str) -> _Allowed:
    return _Allowed(lambda value: isinstance(value, kind), words)


_FIELDS = {
    "temperature": _number(0, 2),
    "top_p": _number(0, 1),
    "presence_penalty": _number(-2, 2),
    "frequency_penalty": _number(-2, 2),
    "max_tokens": _count(1),
    "max_completion_tokens": _count(1),
    "n": _count(1, 128),
    "top_logprobs": _count(0, 20),
    "stream": _one_of(bool, "true or false"),
    "logprobs": _one_of(int, "true or false"),  # a number in the older API, true or false in chat
    "stream_options": _one_of(dict, "an object"),
    "response_format": _one_of(dict, "an object"),
    "metadata": _one_of(dict, "an object"),
    "logit_bias": _one_of(dict, "an object"),
    "tools": _one_of(list, "a list"),
}


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
    for name, value in body.items():
        allowed = _FIELDS.get(name)
        if allowed is not None and value is not None and not allowed.admits(value):
            raise _wrong(name, value, allowed.words)


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
