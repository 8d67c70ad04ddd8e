"""The rendering: the worker's tokens as the OpenAI API's bytes, streamed or whole."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import orjson

from tiers.llamacpp.answer import Answer, Token

DONE = b"data: [DONE]\n\n"


@dataclass(frozen=True, slots=True)
class Head:
    """What all parts of one answer say of it. created: Unix seconds."""

    chat: bool
    id: str
    created: int
    model: str

    def fields(self, kind: str) -> dict[str, Any]:
        return {"id": self.id, "object": kind, "created": self.created, "model": self.model}


class StreamRenderer:
    """Server-sent events of one answer; keeps what the next event depends on.

    with_usage: end with a usage chunk. counting: the answer whose usage so far every piece ends with, as vLLM's
    `continuous_usage_stats`, so that an answer that is cut short is counted exactly; None for no such thing.
    """

    def __init__(self, head: Head, *, with_usage: bool, counting: Answer | None = None) -> None:
        self._chat = head.chat
        self._with_usage = with_usage
        self._counting = counting
        self._offsets: dict[int, int] = {}
        self._greeted: set[int] = set()
        fields = orjson.dumps(head.fields("chat.completion.chunk" if head.chat else "text_completion"))
        self._before = b"data: " + fields[:-1] + b',"choices":['

    def events(self, tokens: Iterable[Token]) -> bytes:
        made = [self._event(choice) for token in tokens for choice in self._choices(token)]
        if made and self._counting is not None:
            made[-1] = made[-1][:-3] + b',"usage":' + orjson.dumps(usage(self._counting)) + b"}\n\n"
        return b"".join(made)

    def end(self, answer: Answer) -> bytes:
        """The usage, where it was asked for, and the mark of the end."""
        if not self._with_usage:
            return DONE
        return self._before + b'],"usage":' + orjson.dumps(usage(answer)) + b"}\n\n" + DONE

    def _event(self, choice: dict[str, Any]) -> bytes:
        return self._before + orjson.dumps(choice) + b"]}\n\n"

    def _choices(self, token: Token) -> Iterable[dict[str, Any]]:
        index, text, logprobs, calls, finish, _ = token
        if not self._chat:
            if text or logprobs or finish:
                entry = self._completion_logprobs(index, logprobs)
                yield {"index": index, "text": text, "logprobs": entry, "finish_reason": finish}
                self._offsets[index] = self._offsets.get(index, 0) + len(text)
            return
        if index not in self._greeted:
            self._greeted.add(index)
            yield _chat_choice(index, {"role": "assistant", "content": ""})
        if text or logprobs:
            yield _chat_choice(index, {"content": text}, logprobs=chat_logprobs([logprobs]))
        if calls:
            yield _chat_choice(index, {"tool_calls": calls})
        if finish:
            yield _chat_choice(index, {}, finish=finish)

    def _completion_logprobs(self, index: int, logprobs: Any) -> dict[str, Any] | None:
        return completion_logprobs([(self._offsets.get(index, 0), logprobs)]) if logprobs else None


def _chat_choice(
    index: int, delta: dict[str, Any], *, logprobs: dict[str, Any] | None = None, finish: str | None = None
) -> dict[str, Any]:
    return {"index": index, "delta": delta, "logprobs": logprobs, "finish_reason": finish}


@dataclass(slots=True)
class Choice:
    """One choice as it grows into a whole answer."""

    text: list[str] = field(default_factory=list)
    length: int = 0
    logprobs: list[tuple[int, Any]] = field(default_factory=list)  # (offset of the text, entry)
    calls: list[dict[str, Any]] = field(default_factory=list)
    finish: str | None = None

    def add(self, token: Token) -> None:
        _, text, logprobs, calls, finish, _ = token
        if logprobs:
            self.logprobs.append((self.length, logprobs))
        self.text.append(text)
        self.length += len(text)
        for delta in calls:
            self._add_call(delta)
        self.finish = finish or self.finish

    def _add_call(self, delta: dict[str, Any]) -> None:
        """A delta with an id begins a call; any other goes on with the arguments of the last one."""
        if "id" in delta:
            self.calls.append({"id": delta["id"], "type": delta["type"], "function": dict(delta["function"])})
        else:
            self.calls[-1]["function"]["arguments"] += delta["function"]["arguments"]

    def as_chat(self, index: int) -> dict[str, Any]:
        content = "".join(self.text)
        message: dict[str, Any] = {"role": "assistant", "content": content, "refusal": None}
        if self.calls:
            message["content"] = content or None
            message["tool_calls"] = self.calls
        logprobs = chat_logprobs([entry for _, entry in self.logprobs])
        return {"index": index, "message": message, "logprobs": logprobs, "finish_reason": self.finish}

    def as_completion(self, index: int) -> dict[str, Any]:
        logprobs = completion_logprobs(self.logprobs) if self.logprobs else None
        return {
            "index": index,
            "text": "".join(self.text),
            "logprobs": logprobs,
            "finish_reason": self.finish,
        }


def whole(head: Head, choices: dict[int, Choice], answer: Answer) -> bytes:
    """The body of an answer that was not streamed."""
    shaped = [c.as_chat(i) if head.chat else c.as_completion(i) for i, c in sorted(choices.items())]
    fields = head.fields("chat.completion" if head.chat else "text_completion")
    return orjson.dumps({**fields, "choices": shaped, "usage": usage(answer)})


def usage(answer: Answer) -> dict[str, Any]:
    return {
        "prompt_tokens": answer.prompt_tokens,
        "completion_tokens": answer.output_tokens,
        "total_tokens": answer.prompt_tokens + answer.output_tokens,
        "prompt_tokens_details": {"cached_tokens": answer.cached_tokens},
    }


def chat_logprobs(entries: list[Any]) -> dict[str, Any] | None:
    """OpenAI's chat shape; None where there are no entries."""
    content = [
        {**_named(name, value), "top_logprobs": [_named(*alternative) for alternative in top]}
        for name, value, top in filter(None, entries)
    ]
    return {"content": content, "refusal": None} if content else None


def _named(name: str, logprob: float) -> dict[str, Any]:
    data = name.encode("latin-1")
    return {"token": data.decode("utf-8", "replace"), "logprob": logprob, "bytes": list(data)}


def completion_logprobs(entries: list[tuple[int, Any]]) -> dict[str, Any]:
    """The completions API's shape, from (text offset, entry)."""
    return {
        "tokens": [_text(name) for _, (name, _, _) in entries],
        "token_logprobs": [value for _, (_, value, _) in entries],
        "top_logprobs": [{_text(name): value for name, value in top} for _, (_, _, top) in entries],
        "text_offset": [offset for offset, _ in entries],
    }


def _text(name: str) -> str:
    return name.encode("latin-1").decode("utf-8", "replace")
