"""The facts of a request: what rules may ask of it, read in microseconds and without a model.

Nothing here raises: a field of the wrong type counts as absent (refusing it is the router's part).
"""

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

import orjson

from policies.language import guess
from policies.types import Facts

ASCII_PER_TOKEN = 4.0
CODE_PER_TOKEN = 3.2
OTHER_BYTES_PER_TOKEN = 3.0  # UTF-8 bytes of everything that is not ASCII: about one CJK character
TOKENS_PER_MESSAGE = 4
TOKENS_PER_IMAGE = 600
QUESTION_CHARS = 4_000
CODE_CHARS = 8_000
CODE_MARKS = (
    "\ndef ", "\nclass ", "\nimport ", "\nfunction ", "\nconst ", "\n#include", "\n#!/", "\npublic ",
    "\nfn ", "\nfunc ", ";\n", "{\n", "\n}", "():", "=> {", "</div>", "std::", "console.log(", "def __init__",
)  # fmt: skip
IMAGE_PARTS = frozenset({"image_url", "input_image", "image"})


def facts(
    path: str,
    body: Mapping[str, Any],
    *,
    tags: Mapping[str, str],
    team: str = "",
    user: str = "",
    key: str = "",
    now: datetime,
) -> Facts:
    """What rules may ask. path: such as `/v1/chat/completions`. now: in the time zone of the rules."""
    messages = _messages(body)
    text, images = _text_and_images(body, messages)
    has_code = looks_like_code(text)
    tools = body.get("tools") or body.get("functions")
    has_tools = isinstance(tools, list) and bool(tools)
    overhead = TOKENS_PER_MESSAGE * len(messages) + TOKENS_PER_IMAGE * images
    if has_tools:
        overhead += _json_bytes(tools) // 4
    return Facts(
        path=path,
        model=_text(body.get("model")),
        prompt_tokens=estimate_tokens(text, code=has_code) + overhead + _token_ids(body),
        turns=_turns(messages),
        has_code=has_code,
        has_tools=has_tools,
        has_images=images > 0,
        wants_json=_wants_json(body),
        wants_logprobs=_wants_logprobs(body),
        language=guess(_last_user_text(messages) or text),
        stream=body.get("stream") is True,
        n=_count(body.get("n")) or 1,
        max_tokens=_count(body.get("max_completion_tokens")) or _count(body.get("max_tokens")),
        tags=tags,
        team=team,
        user=user,
        key=key,
        hour=now.hour,
        weekday=now.weekday(),
    )


def prompt_text(body: Mapping[str, Any]) -> str:
    """What the classifier reads: the last user message, then what came before, at most 4,000 characters.

    Of a longer message the beginning and the end: what is asked stands before a long document or after it.
    """
    messages = _messages(body)
    if not messages:
        return _ends("\n".join(_prompts(body)))
    last = max((i for i, message in enumerate(messages) if message.get("role") == "user"), default=len(messages) - 1)
    pieces = [_ends(_message_text(messages[last]))]
    room = QUESTION_CHARS - len(pieces[0])
    for message in reversed(messages[:last]):
        if room <= 1:
            break
        piece = _message_text(message)[: room - 1]
        pieces.append(piece)
        room -= len(piece) + 1
    return "\n".join(pieces)


def _ends(text: str) -> str:
    if len(text) <= QUESTION_CHARS:
        return text
    return f"{text[: QUESTION_CHARS // 2]}\n{text[-(QUESTION_CHARS // 2 - 1) :]}"


def estimate_tokens(text: str, *, code: bool = False) -> int:
    """Tokens of a text, by its UTF-8 bytes; errs by a fifth or so, more for rare scripts."""
    plain_per_token = CODE_PER_TOKEN if code else ASCII_PER_TOKEN
    if text.isascii():
        return -int(-len(text) // plain_per_token)
    plain = len(text.encode("ascii", "ignore"))
    other = len(text.encode("utf-8", "surrogatepass")) - plain
    return int(plain / plain_per_token + other / OTHER_BYTES_PER_TOKEN) + 1


def looks_like_code(text: str) -> bool:
    """Whether a fence stands anywhere, or a mark of program code in the text's beginning or end."""
    if "```" in text:
        return True
    sample = text if len(text) <= 2 * CODE_CHARS else text[:CODE_CHARS] + text[-CODE_CHARS:]
    sample = f"\n{sample}\n"
    return any(mark in sample for mark in CODE_MARKS)


def _messages(body: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    messages = body.get("messages")
    return [message for message in messages if isinstance(message, dict)] if isinstance(messages, list) else []


def _text_and_images(body: Mapping[str, Any], messages: list[Mapping[str, Any]]) -> tuple[str, int]:
    """All text of the prompt, and how many images it holds."""
    texts: list[str] = []
    images = 0
    for message in messages:
        content = message.get("content")
        if isinstance(content, str):
            texts.append(content)
            continue
        for part in _parts(content):
            images += part.get("type") in IMAGE_PARTS
            texts.append(_text(part.get("text")))
    texts.extend(_prompts(body))
    return "\n".join(texts), images


def _prompts(body: Mapping[str, Any]) -> Iterator[str]:
    """The texts of a completions or embeddings request."""
    for name in ("prompt", "input"):
        value = body.get(name)
        if isinstance(value, str):
            yield value
        elif isinstance(value, list):
            yield from (item for item in value if isinstance(item, str))


def _token_ids(body: Mapping[str, Any]) -> int:
    """Tokens of a prompt that is given as numbers: one list of them or several."""
    count = 0
    for name in ("prompt", "input"):
        value = body.get(name)
        if isinstance(value, list):
            count += sum(1 if isinstance(item, int) else len(item) if isinstance(item, list) else 0 for item in value)
    return count


def _parts(content: Any) -> Iterator[Mapping[str, Any]]:
    if isinstance(content, list):
        yield from (part for part in content if isinstance(part, dict))


def _message_text(message: Mapping[str, Any]) -> str:
    content = message.get("content")
    if isinstance(content, str):
        return content
    return "\n".join(filter(None, (_text(part.get("text")) for part in _parts(content))))


def _last_user_text(messages: list[Mapping[str, Any]]) -> str:
    for message in reversed(messages):
        if message.get("role") == "user":
            return _message_text(message)
    return ""


def _turns(messages: list[Mapping[str, Any]]) -> int:
    return sum(message.get("role") == "user" for message in messages) or 1


def _wants_json(body: Mapping[str, Any]) -> bool:
    form = body.get("response_format")
    return isinstance(form, dict) and form.get("type") in ("json_object", "json_schema")


def _wants_logprobs(body: Mapping[str, Any]) -> bool:
    asked = body.get("logprobs")
    return asked is True or (isinstance(asked, int) and asked is not False)


def _json_bytes(value: Any) -> int:
    try:
        return len(orjson.dumps(value))
    except TypeError:  # numbers beyond 64 bits, nesting beyond orjson's
        return 0


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _count(value: Any) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and value > 0 else None
