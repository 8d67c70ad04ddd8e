"""Prefixes: hashes of how a prompt begins, by which a tier finds the replica that has it in its cache."""

from collections.abc import Iterator, Mapping
from itertools import takewhile
from typing import Any
from zlib import crc32

from policies.types import Facts, Predicted
from tiers.pool import Work

# A conversation is known by its first turns; later ones would only be hashed for nothing.
_TURNS = 3
_TEXT_CUTS = (1024, 4096)
_MESSAGE_CUT = 4096
_IMAGE_CUT = 256
_USUAL_OUTPUT_TOKENS = 256
_INSTRUCTIONS = ("system", "developer")


def work_of(facts: Facts, predicted: Predicted | None) -> Work:
    """What a request will ask of a replica: its answer as long as predicted, and no longer than allowed."""
    output = round(predicted.output_p50) if predicted is not None else _USUAL_OUTPUT_TOKENS
    if facts.max_tokens is not None:
        output = min(output, facts.max_tokens)
    return Work(facts.prompt_tokens + output * max(1, facts.n))


def prefixes(body: Mapping[str, Any], *, team: str) -> tuple[int, ...]:
    """32-bit hashes of the prompt's beginnings, longest first; the same in every process.

    Of a chat: its instructions, and those with its first turns. Teams never share one.
    """
    start = crc32(team.encode())
    messages = body.get("messages")
    if isinstance(messages, list):
        return tuple(reversed(list(_of_chat(messages, start))))
    prompt = body.get("prompt")
    if isinstance(prompt, str):
        return tuple(crc32(prompt[:cut].encode(), start) for cut in reversed(_TEXT_CUTS) if len(prompt) >= cut)
    return ()


def _of_chat(messages: list[Any], value: int) -> Iterator[int]:
    """After the instructions, after the first turn and after the third."""
    instructions = list(takewhile(lambda message: message.get("role") in _INSTRUCTIONS, messages))
    for message in instructions:
        value = crc32(_text(message).encode(), value)
    if instructions:
        yield value
    for turn, message in enumerate(messages[len(instructions) :][:_TURNS], start=1):
        value = crc32(_text(message).encode(), value)
        if turn in (1, _TURNS):
            yield value


def _text(message: Mapping[str, Any]) -> str:
    """Role, length and beginning: who hashes a whole book pays for it and knows no more."""
    content = message.get("content")
    if isinstance(content, list):
        content = "\n".join(_part(part) for part in content)
    text = str(content)
    return f"{message.get('role')} {len(text)}\n{text[:_MESSAGE_CUT]}\n"


def _part(part: Any) -> str:
    """A part's text; of an image the beginning of its address, which may hold megabytes."""
    if not isinstance(part, dict):
        return ""
    image = part.get("image_url")
    address = image.get("url") if isinstance(image, dict) else image
    return f"{part.get('text')}{address[:_IMAGE_CUT] if isinstance(address, str) else ''}"
