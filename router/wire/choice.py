"""One choice of an answer, growing by deltas."""

from collections.abc import Mapping
from typing import Any

import orjson

_CHOICE_FIELDS = frozenset({"index", "delta", "text", "logprobs", "finish_reason", "usage"})
GENERATED = ("reasoning", "reasoning_content", "content", "refusal", "text")


class Choice:
    """What one `choices[i]` has said so far, chat or legacy. tokens: deltas that carried output."""

    def __init__(self) -> None:
        self.finish_reason: str | None = None
        self.tools: list[ToolCall] = []
        self.tokens = 0
        self._text: dict[str, list[str]] = {}
        self._logprobs: dict[str, Any] | None = None
        self._message: dict[str, Any] = {}  # what is neither text nor a tool call
        self._extra: dict[str, Any] = {}

    def feed(self, chunk: Mapping[str, Any]) -> None:
        """Take in one element of a chunk's `choices`."""
        self.tokens += carries_output(chunk)
        delta = chunk.get("delta")
        if isinstance(delta, dict):
            for name, value in delta.items():
                self._read(name, value)
        if "text" in chunk:
            self._read("text", chunk["text"])
        logprobs = chunk.get("logprobs")
        if isinstance(logprobs, dict):
            if self._logprobs is None:
                self._logprobs = {}
            _grow(self._logprobs, logprobs)
        reason = chunk.get("finish_reason")
        if reason and isinstance(reason, str):
            self.finish_reason = reason
        for name in chunk:
            if name not in _CHOICE_FIELDS:
                _grow(self._extra, {name: chunk[name]})

    def more_text(self, chunk: Mapping[str, Any]) -> bool:
        """`feed` of a chunk that says nothing but `delta: {content: TEXT}`; False, and nothing done, for any other."""
        delta, text = chunk.get("delta"), None
        if isinstance(delta, dict) and len(delta) == 1:
            text = delta.get("content")
        if not text or not isinstance(text, str) or chunk.get("index") != 0 or not _CHOICE_FIELDS.issuperset(chunk):
            return False
        if chunk.get("finish_reason") is not None or chunk.get("logprobs") is not None:
            return False
        self.tokens += 1
        self._text.setdefault("content", []).append(text)
        return True

    @property
    def begun(self) -> bool:
        """Whether anything was generated."""
        return bool(self.tools) or any(any(pieces) for pieces in self._text.values())

    @property
    def plain(self) -> bool:
        """Whether all of it is content or tool calls."""
        aside = any(self._text.get(name) for name in ("reasoning", "reasoning_content", "refusal"))
        return not aside and not self._message.get("function_call")

    def said(self, name: str) -> str:
        """One kind of text so far: `content`, `reasoning`, `text` or another of `GENERATED`."""
        return "".join(self._text.get(name, ()))

    def text(self) -> str:
        """Everything generated, tool calls' names and arguments included."""
        pieces = [piece for name in GENERATED for piece in self._text.get(name, ())]
        return "".join(pieces) + "".join(tool.name + tool.arguments() for tool in self.tools)

    def chat(self, index: int) -> dict[str, Any]:
        """As an element of `chat.completion`'s `choices`."""
        message: dict[str, Any] = {"role": "assistant", "content": None, **self._message}
        message |= {name: "".join(pieces) for name, pieces in self._text.items()}
        if self.tools:
            message["tool_calls"] = [tool.whole() for tool in self.tools]
        return self._with_end({"index": index, "message": message})

    def legacy(self, index: int) -> dict[str, Any]:
        """As an element of `text_completion`'s `choices`."""
        return self._with_end({"index": index, "text": self.said("text")})

    def _with_end(self, choice: dict[str, Any]) -> dict[str, Any]:
        return {**choice, "logprobs": self._logprobs, "finish_reason": self.finish_reason, **self._extra}

    def _read(self, name: str, value: Any) -> None:
        if value is None:
            self._message.setdefault(name, None)
        elif name in GENERATED and isinstance(value, str):
            self._text.setdefault(name, []).append(value)
        elif name == "tool_calls" and isinstance(value, list) and value:
            for call in value:
                self._read_tool(call)
        elif name == "role":
            self._message["role"] = value
        elif name == "function_call" and isinstance(value, dict):
            self._read_function(value)
        else:
            _grow(self._message, {name: value})

    def _read_tool(self, call: Any) -> None:
        if isinstance(call, dict):
            self._tool_for(call).feed(call)

    def _tool_for(self, call: Mapping[str, Any]) -> "ToolCall":
        """The call that this delta belongs to: by its index, else by its id, else the last one."""
        index, call_id = call.get("index"), call.get("id")
        for tool in reversed(self.tools):
            if index is not None:
                if tool.index == index and not tool.is_other(call):
                    return tool
            elif not call_id or tool.id == call_id:
                return tool
        tool = ToolCall(index)
        self.tools.append(tool)
        return tool

    def _read_function(self, delta: Mapping[str, Any]) -> None:
        call = self._message.get("function_call")
        if not isinstance(call, dict) or call.keys() != {"name", "arguments"}:
            call = self._message["function_call"] = {"name": "", "arguments": ""}
        call["name"] = call["name"] or _text(delta.get("name"))
        call["arguments"] += _text(delta.get("arguments"))


def carries_output(choice: Mapping[str, Any]) -> bool:
    """Whether an element of a chunk's `choices` holds something generated."""
    delta = choice.get("delta")
    if not isinstance(delta, dict):
        return bool(choice.get("text"))
    return bool(
        delta.get("content") or delta.get("tool_calls") or delta.get("reasoning") or delta.get("reasoning_content")
    )


class ToolCall:
    """A tool call, growing by deltas. index: as the engine numbers it, None where it does not."""

    def __init__(self, index: int | None) -> None:
        self.index = index
        self.id = ""
        self.name = ""
        self._kind = "function"
        self._arguments: list[str] = []
        self._extra: dict[str, Any] = {}

    def is_other(self, delta: Mapping[str, Any]) -> bool:
        """Whether a delta with the same index begins another call: some engines number all of them 0.

        An id that differs is not enough, for some engines make a new id for every delta of one call.
        """
        function = delta.get("function")
        named = isinstance(function, dict) and bool(function.get("name"))
        return named and bool(self.name) and bool(delta.get("id")) and delta["id"] != self.id

    def feed(self, delta: Mapping[str, Any]) -> None:
        self.id = self.id or _text(delta.get("id"))
        self._kind = _text(delta.get("type")) or self._kind
        function = delta.get("function")
        if isinstance(function, dict):
            self.name = self.name or _text(function.get("name"))
            self._arguments.append(_text(function.get("arguments")))
        for name in delta.keys() - {"index", "id", "type", "function"}:
            _grow(self._extra, {name: delta[name]})

    def arguments(self) -> str:
        return "".join(self._arguments)

    def whole(self) -> dict[str, Any]:
        function = {"name": self.name, "arguments": self.arguments()}
        return {"id": self.id, "type": self._kind, "function": function, **self._extra}


def _text(value: Any) -> str:
    """A delta's text; JSON of it where an engine sends arguments as an object, "" for null."""
    if isinstance(value, str):
        return value
    return "" if value is None else orjson.dumps(value).decode()


def _grow(kept: dict[str, Any], new: Mapping[str, Any]) -> None:
    """Take `new` into `kept`: lists are appended to, anything else is replaced, but not by null."""
    for name, value in new.items():
        if isinstance(value, list):
            column = kept.get(name)
            if not isinstance(column, list):
                column = kept[name] = []
            column.extend(value)
        elif value is not None or name not in kept:
            kept[name] = value
