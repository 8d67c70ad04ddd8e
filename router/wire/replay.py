"""A whole answer, sent as the stream that it might have been."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

import orjson

_FEW_WORDS = re.compile(r"(?:\S{1,64}\s*|\s+){1,4}")
_TEXTS = ("reasoning", "reasoning_content", "content", "refusal")
_IN_PIECES = frozenset({*_TEXTS, "tool_calls"})
_NOT_EXTRA = frozenset({"index", "message", "text", "logprobs", "finish_reason"})
_DONE = b"data: [DONE]\n\n"


def replay(whole: Mapping[str, Any], *, include_usage: bool) -> Iterator[bytes]:
    """The SSE events of a `chat.completion` or `text_completion` object, `[DONE]` included.

    include_usage: whether the caller asked for `stream_options.include_usage`; then the last chunk has no
    choices and the usage, as OpenAI sends it. Text comes in pieces of a few words, or token by token where
    there are logprobs.
    """
    legacy = whole.get("object") == "text_completion"
    head = {name: value for name, value in whole.items() if name not in ("choices", "usage")}
    head["object"] = "text_completion" if legacy else "chat.completion.chunk"
    if include_usage:
        head["usage"] = None
    for choice in whole.get("choices") or ():
        for part in _legacy_parts(choice) if legacy else _chat_parts(choice):
            yield _event({**head, "choices": [part]})
    if include_usage:
        yield _event({**head, "choices": [], "usage": whole.get("usage")})
    yield _DONE


def _event(chunk: Mapping[str, Any]) -> bytes:
    return b"data: " + orjson.dumps(chunk) + b"\n\n"


def _chat_parts(choice: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    message, logprobs = choice["message"], choice.get("logprobs")
    content = message.get("content") or ""
    first = {name: value for name, value in message.items() if name not in _IN_PIECES or not value}
    if content:
        first["content"] = ""
    by_token = _chat_tokens(content, logprobs)
    yield _part(choice, {"delta": first}, None if by_token else logprobs)
    for name in _TEXTS:
        if name == "content" and by_token:
            yield from (_part(choice, {"delta": {name: text}}, its) for text, its in by_token)
        else:
            yield from (_part(choice, {"delta": {name: text}}) for text in _FEW_WORDS.findall(message.get(name) or ""))
    for number, call in enumerate(message.get("tool_calls") or ()):
        yield _part(choice, {"delta": {"tool_calls": [{"index": number, **call}]}})
    yield _end(choice, {"delta": {}})


def _legacy_parts(choice: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    text, logprobs = choice.get("text") or "", choice.get("logprobs")
    by_token = _legacy_tokens(text, logprobs)
    if by_token:
        yield from (_part(choice, {"text": token}, its) for token, its in by_token)
    else:
        for number, piece in enumerate(_FEW_WORDS.findall(text) or [""]):
            yield _part(choice, {"text": piece}, None if number else logprobs)
    yield _end(choice, {"text": ""})


def _part(choice: Mapping[str, Any], said: dict[str, Any], logprobs: Any = None) -> dict[str, Any]:
    return {"index": choice.get("index", 0), **said, "logprobs": logprobs, "finish_reason": None}


def _end(choice: Mapping[str, Any], said: dict[str, Any]) -> dict[str, Any]:
    extra = {name: value for name, value in choice.items() if name not in _NOT_EXTRA}
    return _part(choice, said) | {"finish_reason": choice.get("finish_reason")} | extra


def _chat_tokens(text: str, logprobs: Any) -> list[tuple[str, dict[str, Any]]]:
    """Each token with its own logprobs; nothing where they do not spell a text."""
    entries = logprobs.get("content") if isinstance(logprobs, Mapping) else None
    if not text or not entries or "".join(str(entry.get("token")) for entry in entries) != text:
        return []
    others = {name: value for name, value in logprobs.items() if name != "content"}
    parts = [(entry["token"], {"content": [entry]}) for entry in entries]
    return [(parts[0][0], {**others, **parts[0][1]}), *parts[1:]]


def _legacy_tokens(text: str, logprobs: Any) -> list[tuple[str, dict[str, Any]]]:
    tokens = logprobs.get("tokens") if isinstance(logprobs, Mapping) else None
    if not tokens or "".join(tokens) != text:
        return []
    if any(not isinstance(column, list) or len(column) != len(tokens) for column in logprobs.values()):
        return []
    return [
        (token, {name: [column[number]] for name, column in logprobs.items()}) for number, token in enumerate(tokens)
    ]
