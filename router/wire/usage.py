"""An engine's token counts, read into buckets that do not overlap."""

from collections.abc import Mapping
from typing import Any

from tiers.types import Usage

_PLAIN = {"prompt_tokens", "completion_tokens", "total_tokens"}
_MOST = 1 << 40  # tokens; more than this in one call is a broken counter


def read_usage(usage: Mapping[str, Any] | None) -> Usage | None:
    """The `usage` object of any engine as disjoint buckets; None where it counts nothing.

    OpenAI's `prompt_tokens` and Responses' `input_tokens` include cached tokens; Anthropic's `input_tokens`
    exclude them; tokens written to a cache are counted as input, and told as `cache_write` too. `output` includes
    `reasoning`, also where the engine leaves it out of its own count, as the total then shows. A count that is null,
    negative or not a number is read as absent.
    """
    if not isinstance(usage, Mapping):
        return None
    if usage.keys() == _PLAIN and (plain := _plain(usage)) is not None:
        return plain
    prompt = _first(usage, "prompt_tokens", "input_tokens")
    said = _first(usage, "completion_tokens", "output_tokens")
    if prompt is None and said is None:
        return None
    fresh, cached = _input(usage, prompt or 0)
    output, reasoning = _output(usage, prompt or 0, said or 0)
    written = min(_written(usage), fresh)
    return Usage(input=fresh, cached_input=cached, output=output, reasoning=reasoning, cache_write=written)


def _plain(usage: Mapping[str, Any]) -> Usage | None:
    """The shape that most engines send, read at once; None where a count is odd."""
    prompt, output, total = usage["prompt_tokens"], usage["completion_tokens"], usage["total_tokens"]
    if type(prompt) is int and type(output) is int and 0 <= prompt <= total == prompt + output <= _MOST and output >= 0:
        return Usage(input=prompt, output=output)
    return None


def _input(usage: Mapping[str, Any], prompt: int) -> tuple[int, int]:
    if _is_anthropic(usage):
        cached = _count(usage.get("cache_read_input_tokens")) or 0
        return prompt + (_count(usage.get("cache_creation_input_tokens")) or 0), cached
    cached = min(_cached(usage), prompt)
    return prompt - cached, cached


def _written(usage: Mapping[str, Any]) -> int:
    own = _count(usage.get("cache_creation_input_tokens"))
    if own is not None:
        return own
    return _detail(usage, ("prompt_tokens_details", "input_tokens_details"), "cache_creation_tokens") or 0


def _output(usage: Mapping[str, Any], prompt: int, said: int) -> tuple[int, int]:
    details = ("completion_tokens_details", "output_tokens_details")
    reasoning = _detail(usage, details, "reasoning_tokens") or 0
    if _count(usage.get("total_tokens")) == prompt + said + reasoning:
        return said + reasoning, reasoning
    return said, min(reasoning, said)


def largest(one: Mapping[str, Any] | None, other: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """The field-wise maximum of two `usage` objects.

    Engines repeat cumulative usage in several chunks or split it over them; no field ever shrinks.
    """
    if one is None or other is None:
        known = one if other is None else other
        return None if known is None else dict(known)
    merged = dict(one)
    for name, value in other.items():
        merged[name] = _larger(merged.get(name), value)
    return merged


def _larger(one: Any, other: Any) -> Any:
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        return largest(one, other)
    if one is None or other is None:
        return one if other is None else other
    if isinstance(one, int | float) and isinstance(other, int | float):
        return max(one, other)
    return other


def _is_anthropic(usage: Mapping[str, Any]) -> bool:
    if usage.get("prompt_tokens") is not None or usage.get("input_tokens_details") is not None:
        return False
    return "input_tokens" in usage


def _cached(usage: Mapping[str, Any]) -> int:
    details = _detail(usage, ("prompt_tokens_details", "input_tokens_details"), "cached_tokens")
    if details is not None:
        return details
    return _count(usage.get("prompt_cache_hit_tokens")) or 0  # DeepSeek's name for it


def _detail(usage: Mapping[str, Any], groups: tuple[str, str], name: str) -> int | None:
    for group in groups:
        details = usage.get(group)
        if isinstance(details, Mapping):
            count = _count(details.get(name))
            if count is not None:
                return count
    return None


def _first(usage: Mapping[str, Any], *names: str) -> int | None:
    for name in names:
        count = _count(usage.get(name))
        if count is not None:
            return count
    return None


def _count(value: Any) -> int | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return int(value) if 0 <= value <= _MOST else None
