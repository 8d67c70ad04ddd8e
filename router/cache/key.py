"""What makes two requests the same, which may be answered from the cache, and which answers may be kept."""

import hashlib
from collections.abc import Callable, Mapping
from typing import Any

import orjson

# Fields that say how an answer travels, who asked or how it is billed, and not what it is. Any other field is
# in the key, also one that nobody here has heard of.
NOT_IN_KEY = frozenset(
    {
        "metadata",
        "priority",
        "prompt_cache_key",
        "prompt_cache_retention",
        "request_id",
        "safety_identifier",
        "service_tier",
        "store",
        "stream",
        "stream_options",
        "timeout",
        "user",
    }
)

_DEFAULTS = {"n": 1, "presence_penalty": 0, "frequency_penalty": 0}
_ACTS = ("tools", "functions", "web_search_options", "audio")
_HIGHEST_TEMPERATURE = 1.0


def key(scope_id: str, path: str, policy: str, body: Mapping[str, Any]) -> bytes:
    """32 bytes that are equal for requests with the same answer, within one scope, and for no others.

    scope_id: whose answers may be shared (a team's, or a key's); never leave it out where there are tenants.
    BLAKE2b over canonical JSON: member order, null members and OpenAI's defaults make no difference.
    """
    asked = {
        name: value
        for name, value in body.items()
        if name not in NOT_IN_KEY and value is not None and not (name in _DEFAULTS and value == _DEFAULTS[name])
    }
    canonical = orjson.dumps([scope_id, path, policy, asked], option=orjson.OPT_SORT_KEYS, default=dict)
    return hashlib.blake2b(canonical, digest_size=32).digest()


def cacheable(body: Mapping[str, Any]) -> bool:
    """Whether a repeat of this request may be given an earlier answer.

    Not when several answers are wanted, when tools or a search may act, or when the caller asks for more
    variety than the default: a temperature over 1.0 without a seed. A missing temperature is cacheable: the
    policy's owner switched the cache on, and most clients send none.
    """
    if any((body.get(name) or 1) != 1 for name in ("n", "best_of")):
        return False
    if any(body.get(name) for name in _ACTS):
        return False
    temperature = body.get("temperature")
    varied = isinstance(temperature, int | float) and temperature > _HIGHEST_TEMPERATURE
    return not varied or body.get("seed") is not None


def storable(whole: Mapping[str, Any]) -> bool:
    """Whether an answer is complete: every choice ended by itself (`stop`), says something and calls no tool.

    Not stored: errors, refusals, answers cut by `length` or a filter, empty ones. Embeddings are, where all
    are there.
    """
    if whole.get("error") is not None:
        return False
    if whole.get("object") == "list":
        return _all_are(lambda vector: bool(vector.get("embedding")), whole.get("data"))
    return _all_are(_is_whole, whole.get("choices"))


def _all_are(good: Callable[[Mapping[str, Any]], bool], items: Any) -> bool:
    """Whether these are one or more objects, each of them good."""
    return isinstance(items, list) and bool(items) and all(isinstance(it, Mapping) and good(it) for it in items)


def _is_whole(choice: Mapping[str, Any]) -> bool:
    if choice.get("finish_reason") != "stop":
        return False
    message = choice.get("message")
    if not isinstance(message, Mapping):
        return _is_text(choice.get("text"))
    acts = message.get("tool_calls") or message.get("function_call") or message.get("refusal")
    return _is_text(message.get("content")) and not acts


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and bool(value)
