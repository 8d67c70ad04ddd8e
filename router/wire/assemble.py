"""A whole answer, put together from the chunks of a stream."""

from collections.abc import Collection, Mapping
from typing import Any

from router.wire.choice import Choice
from router.wire.usage import largest

_READ_APART = frozenset({"choices", "error", "object", "usage"})


class Assembler:
    """Fed the parsed chunks of a chat or legacy completion, in order; builds what would have come whole.

    choices: how many answers were asked for (`n`). head: what every chunk says of the answer (`id`, `model`).
    Tolerant by design: usage may come anywhere, `finish_reason` with content, `tool_calls[].index` not at all, and
    fields that it does not know are kept.
    """

    def __init__(self, *, choices: int = 1) -> None:
        self._wanted = choices
        self.head: dict[str, Any] = {}
        self._choices: dict[int, Choice] = {}
        self._usage: dict[str, Any] | None = None
        self.legacy = False
        self.error: dict[str, Any] | None = None
        self._usual: Collection[str] = frozenset()  # the fields of the chunk before, which `head` has by now

    def more_text(self, chunk: Mapping[str, Any]) -> bool:
        """Take in a chunk that is nothing but more text of the one answer; False, and nothing done, for any other.

        Nearly every chunk of a stream is such a one; this is `feed` for them, at a fifth of its time.
        """
        choices = chunk.get("choices")
        if chunk.keys() != self._usual or not choices or len(choices) != 1 or chunk.get("usage") is not None:
            return False
        return self._choices[0].more_text(choices[0])

    def feed(self, chunk: Mapping[str, Any]) -> None:
        """Take one chunk in. An `error` in it is kept in `.error`, for the caller to judge."""
        self._usual = (
            chunk.keys() if len(self._choices) == 1 and 0 in self._choices and not self.legacy else frozenset()
        )
        for name, value in chunk.items():
            if name not in _READ_APART and not self.head.get(name):
                self.head[name] = value
        if chunk.get("object") == "text_completion":
            self.legacy = True
        if "usage" in chunk:
            self._read_usage(chunk["usage"])
        choices = chunk.get("choices")
        for choice in choices if isinstance(choices, list) else ():
            self._read_choice(choice)
        if chunk.get("error") is not None:
            error = chunk["error"]
            self.error = dict(error) if isinstance(error, dict) else {"message": str(error)}

    @property
    def complete(self) -> bool:
        """Every choice that was asked for, and every one that began, has said why it ended."""
        finished = sum(choice.finish_reason is not None for choice in self._choices.values())
        return finished >= self._wanted and finished == len(self._choices)

    @property
    def text_seen(self) -> bool:
        """Whether any part of an answer has come: text, refusal, reasoning or a tool call."""
        return any(choice.begun for choice in self._choices.values())

    def choice(self, index: int) -> Choice:
        """What one choice has said; nothing yet, where it has not begun."""
        return self._choices.get(index) or Choice()

    def indexes(self) -> list[int]:
        """The choices that were asked for or began."""
        return sorted(self._choices.keys() | set(range(self._wanted)))

    def unfinished(self) -> list[int]:
        """Those of them that have not said why they ended."""
        return [index for index in self.indexes() if self.choice(index).finish_reason is None]

    def text(self) -> str:
        """All that was generated, over all choices: what to count tokens of when no usage came."""
        return "".join(choice.text() for _, choice in sorted(self._choices.items()))

    def usage(self) -> dict[str, Any] | None:
        """The engine's usage so far, the field-wise maximum of what came; None while none has come."""
        return self._usage

    def body(self) -> dict[str, Any]:
        """The answer so far as a `chat.completion` or `text_completion` object."""
        choices = sorted(self._choices.items())
        whole = {
            **self.head,
            "object": "text_completion" if self.legacy else "chat.completion",
            "choices": [choice.legacy(index) if self.legacy else choice.chat(index) for index, choice in choices],
        }
        if self._usage is not None:
            whole["usage"] = self._usage
        return whole

    def _read_usage(self, usage: Any) -> None:
        if isinstance(usage, dict):
            self._usage = largest(self._usage, usage)

    def _read_choice(self, chunk: Any) -> None:
        if not isinstance(chunk, dict):
            return
        index = chunk.get("index")
        index = index if isinstance(index, int) else 0
        choice = self._choices.get(index)
        if choice is None:
            choice = self._choices[index] = Choice()
        choice.feed(chunk)
        if "text" in chunk:
            self.legacy = True
        if "usage" in chunk:
            self._read_usage(chunk["usage"])
