"""What the provider says: a few words, or as many numbers as `max_tokens` asks for; it can go on from what was said."""

import json
from collections.abc import Iterator
from typing import Any

WORDS = ["The", " quick", " brown", " fox", " jumps", " over", " the", " dog"]
PROMPT_TOKENS = 5


class Speech:
    """The answer to one body, in OpenAI's shapes; one word is one token.

    Choice `i` counts from 100 * i + 1, so that every word says where it belongs. A chat whose last message is to be
    gone on with, or a prompt with words behind its colon, is gone on with at the next word. With tools it calls one.
    name: of this answer, in its id and in those of its calls.
    """

    def __init__(self, body: Any = None, *, name: str = "1", model: str = "m", legacy: bool = False) -> None:
        self._body: dict[str, Any] = body if isinstance(body, dict) else {}
        self._name = name
        self._model = model
        self._legacy = legacy
        self._begun = _begun(self._body, legacy=legacy)
        self.choices = [self._words(index) for index in range(self._body.get("n") or 1)]

    def whole(self) -> dict[str, Any]:
        kind = "text_completion" if self._legacy else "chat.completion"
        choices = [self._choice(index, "".join(words)) for index, words in enumerate(self.choices)]
        return self._frame(kind, choices) | {"usage": self.usage()}

    def events(self) -> list[bytes]:
        """The stream without `[DONE]`: the role, the words of all choices in turn, the ends, the usage."""
        return [event(chunk) for chunk in self._chunks()]

    def usage(self) -> dict[str, int]:
        prompt = PROMPT_TOKENS + len(self._begun.split())
        said = sum(len(words) for words in self.choices)
        return {"prompt_tokens": prompt, "completion_tokens": said, "total_tokens": prompt + said}

    @property
    def beginning(self) -> int:
        """How many of the events make two thirds of the words."""
        words = sum(len(words) for words in self.choices)
        return (0 if self._legacy else 1) + words * 2 // 3

    def _chunks(self) -> Iterator[dict[str, Any]]:
        kind = "text_completion" if self._legacy else "chat.completion.chunk"
        if not self._legacy:
            delta = {"role": "assistant", "content": ""}
            yield self._frame(kind, [{"index": 0, "delta": delta, "finish_reason": None}])
        for place in range(max(map(len, self.choices))):
            for index, words in enumerate(self.choices):
                if place < len(words):
                    yield self._frame(kind, [self._delta(index, words[place], first=place == 0)])
        for index in range(len(self.choices)):
            yield self._frame(kind, [{**self._delta(index, "", first=False), "finish_reason": self._finish}])
        yield self._frame(kind, []) | {"usage": self.usage()}

    @property
    def _finish(self) -> str:
        if self._body.get("tools"):
            return "tool_calls"
        return "length" if self._body.get("max_tokens") else "stop"

    def _frame(self, kind: str, choices: list[Any]) -> dict[str, Any]:
        return {"id": f"c{self._name}", "object": kind, "created": 1, "model": self._model, "choices": choices}

    def _words(self, index: int) -> list[str]:
        if self._body.get("tools"):
            return ['{"of', '": "', "apples", '", "n', '": ', "3", "}"]
        count = self._body.get("max_tokens")
        if count is None:
            return _after(WORDS, self._begun)
        said = self._begun.split()
        last = int(said[-1]) if said else 100 * index
        return [f"{number}" if number % 100 == 1 else f" {number}" for number in range(last + 1, last + 1 + count)]

    def _choice(self, index: int, text: str) -> dict[str, Any]:
        if self._legacy:
            return {"index": index, "text": text, "finish_reason": self._finish}
        message: dict[str, Any] = {"role": "assistant", "content": text}
        if self._body.get("tools"):
            call = {"id": f"call{self._name}", "type": "function", "function": {"name": "count", "arguments": text}}
            message |= {"content": None, "tool_calls": [call]}
        return {"index": index, "message": message, "finish_reason": self._finish}

    def _delta(self, index: int, word: str, *, first: bool) -> dict[str, Any]:
        choice: dict[str, Any] = {"index": index, "finish_reason": None}
        if word and self._body.get("logprobs"):
            choice["logprobs"] = _logprobs(word, legacy=self._legacy)
        if self._legacy:
            return {**choice, "text": word}
        if not self._body.get("tools"):
            return {**choice, "delta": {"content": word} if word else {}}
        call: dict[str, Any] = {"index": 0, "function": {"arguments": word}}
        if first:
            call |= {"id": f"call{self._name}", "type": "function", "function": {"name": "count", "arguments": word}}
        return {**choice, "delta": {"tool_calls": [call]} if word else {}}


def event(data: Any) -> bytes:
    return b"data: " + json.dumps(data).encode() + b"\n\n"


def _begun(body: dict[str, Any], *, legacy: bool) -> str:
    if legacy:
        return str(body.get("prompt", "")).partition(":")[2]
    if not body.get("continue_final_message"):
        return ""
    return str(body["messages"][-1].get("content") or "")


def _after(words: list[str], begun: str) -> list[str]:
    """The words that follow; all of them where nothing was begun."""
    for place in range(len(words) + 1):
        if "".join(words[:place]).rstrip() == begun.rstrip():
            return words[place:]
    return words


def _logprobs(word: str, *, legacy: bool) -> dict[str, Any]:
    if legacy:
        return {"tokens": [word], "token_logprobs": [-0.1], "top_logprobs": [{}], "text_offset": [0]}
    return {"content": [{"token": word, "logprob": -0.1, "bytes": list(word.encode()), "top_logprobs": []}]}
