"""A logged conversation, turned into the text that the router would have shown the classifier.

The same as `policies.facts.prompt_text`, which a test holds it to: the last user message, then what came before it,
the latest first.
"""

from collections.abc import Mapping, Sequence
from typing import Any

QUESTION_CHARS = 4_000

Message = Mapping[str, Any]


def conversation_text(messages: Sequence[Message]) -> str:
    """At most QUESTION_CHARS characters; empty where there is no message."""
    if not messages:
        return ""
    users = [place for place, message in enumerate(messages) if message.get("role") == "user"]
    last = users[-1] if users else len(messages) - 1
    text = _ends(_message_text(messages[last]))
    for message in reversed(messages[:last]):
        if len(text) >= QUESTION_CHARS - 1:
            break
        text = f"{text}\n{_message_text(message)}"[:QUESTION_CHARS]
    return text


def _ends(text: str) -> str:
    """The beginning and the end: what is asked stands before a long document or after it."""
    if len(text) <= QUESTION_CHARS:
        return text
    return f"{text[: QUESTION_CHARS // 2]}\n{text[-(QUESTION_CHARS // 2 - 1) :]}"


def user_turns(messages: Sequence[Message]) -> int:
    """Messages of the user, at least 1."""
    return max(len([message for message in messages if message.get("role") == "user"]), 1)


def _message_text(message: Message) -> str:
    content = message.get("content")
    if isinstance(content, str):
        return content
    parts = content if isinstance(content, list) else []
    texts = [part.get("text") for part in parts if isinstance(part, dict)]
    return "\n".join(text for text in texts if isinstance(text, str) and text)
