"""Joining: a second engine's stream, rewritten so that the caller reads one answer."""

from collections.abc import Mapping
from typing import Any, Protocol

from router.wire.assemble import Assembler
from router.wire.choice import GENERATED, Choice, ToolCall
from router.wire.usage import read_usage
from tiers.errors import Broken
from tiers.types import Usage


class Join(Protocol):
    """What a stream has to become to follow what the caller has.

    sent: the caller's answer so far, over all streams; it grows. caught_up: whether everything that the caller has
    already is behind; until then nothing is to be forwarded.
    """

    sent: Assembler

    @property
    def caught_up(self) -> bool: ...

    def take(self, chunk: dict[str, Any]) -> dict[str, Any] | None:
        """The chunk as the caller gets it, None for nothing. Raises Broken where it does not follow."""
        ...

    def usage(self, own: Mapping[str, Any]) -> dict[str, Any]:
        """The usage of the caller's answer, where `own` is that of this stream alone."""
        ...


class Continued:
    """The stream of an engine that was asked to go on with one choice.

    spaces: how many white-space characters end what was sent; the engine was not shown them, as templates strip them
    and tokenizers dislike them, so it writes them again.
    """

    caught_up = True

    def __init__(self, sent: Assembler, index: int, *, spaces: int) -> None:
        choice = sent.choice(index)
        self.sent = sent
        self._index = index
        self._spaces = spaces
        self._begun = choice.begun
        self._letters = len(choice.said("text"))
        self._tokens = choice.tokens
        self._all_tokens = sum(sent.choice(number).tokens for number in sent.indexes())

    def take(self, chunk: dict[str, Any]) -> dict[str, Any] | None:
        return _followed(self.sent, chunk, [self._moved(choice) for choice in chunk["choices"]])

    def usage(self, own: Mapping[str, Any]) -> dict[str, Any]:
        """What this engine read as prompt was partly answer: those tokens change sides."""
        read = read_usage(own) or Usage()
        prompt = max(0, read.input + read.cached_input - self._tokens)
        completion = read.output + self._all_tokens
        return {
            **own,
            "prompt_tokens": prompt,
            "completion_tokens": completion,
            "total_tokens": prompt + completion,
        }

    def _moved(self, choice: dict[str, Any]) -> dict[str, Any] | None:
        choice["index"] = self._index
        holder, name = (choice, "text") if "text" in choice else (choice.get("delta") or {}, "content")
        if self._spaces and holder.get(name):
            holder[name] = self._without_spaces(holder[name])
        if self._letters and isinstance(choice.get("logprobs"), dict):
            offsets = choice["logprobs"].get("text_offset") or ()
            choice["logprobs"]["text_offset"] = [offset + self._letters for offset in offsets]
        return _worth_sending(choice, self._begun)

    def _without_spaces(self, text: str) -> str:
        """The text without the white space that the caller has already."""
        kept = text.lstrip()
        again = min(self._spaces, len(text) - len(kept))
        self._spaces = 0 if kept else self._spaces - again
        return text[again:]


class Spliced:
    """The stream of an engine that answers afresh: nothing of it counts until it has passed what was sent."""

    def __init__(self, sent: Assembler) -> None:
        self.sent = sent
        self._behind = {index: _Behind(sent.choice(index)) for index in sent.indexes()}

    @property
    def caught_up(self) -> bool:
        return not any(behind.left for behind in self._behind.values())

    def take(self, chunk: dict[str, Any]) -> dict[str, Any] | None:
        return _followed(self.sent, chunk, [self._beyond(choice) for choice in chunk["choices"]])

    def usage(self, own: Mapping[str, Any]) -> dict[str, Any]:
        return dict(own)

    def _beyond(self, choice: dict[str, Any]) -> dict[str, Any] | None:
        behind = self._behind.get(choice.get("index") or 0)
        if behind is None:
            return choice
        return None if behind.finished else behind.beyond(choice)


class _Behind:
    """How much of one choice's repeated beginning is still to come."""

    def __init__(self, sent: Choice) -> None:
        self.finished = sent.finish_reason is not None
        self._begun = sent.begun
        self._texts = {} if self.finished else {name: sent.said(name) for name in GENERATED}
        self._calls = [] if self.finished else [_BehindCall(tool) for tool in sent.tools]

    @property
    def left(self) -> bool:
        return any(self._texts.values()) or any(call.left for call in self._calls)

    def beyond(self, choice: dict[str, Any]) -> dict[str, Any] | None:
        """What of an element of `choices` the caller has not; None where that is nothing."""
        was_behind = self.left
        holder = choice if "text" in choice else choice.get("delta") or {}
        for name in GENERATED:
            if holder.get(name) and self._texts.get(name):
                holder[name], self._texts[name] = _past(holder[name], self._texts[name])
        if holder.get("tool_calls"):
            holder["tool_calls"] = [call for call in map(self._beyond_call, holder["tool_calls"]) if call]
        if choice.get("finish_reason") and self.left:
            raise _differs()
        if was_behind and isinstance(choice.get("logprobs"), dict):
            choice["logprobs"] = None if self.left else _last(choice["logprobs"], _letters(holder))
        return _worth_sending(choice, self._begun)

    def _beyond_call(self, delta: dict[str, Any]) -> dict[str, Any] | None:
        number = delta.get("index") or 0
        return self._calls[number].beyond(delta) if number < len(self._calls) else delta


class _BehindCall:
    """How much of one tool call is still to come again."""

    def __init__(self, sent: ToolCall) -> None:
        self._name = sent.name
        self._arguments = sent.arguments()
        self.left = True

    def beyond(self, delta: dict[str, Any]) -> dict[str, Any] | None:
        function = delta.get("function") or {}
        if function.get("name") not in (None, "", self._name):
            raise _differs()
        arguments = function.get("arguments") or ""
        if self._arguments:
            arguments, self._arguments = _past(arguments, self._arguments)
        self.left = bool(self._arguments)
        return {"index": delta.get("index") or 0, "function": {"arguments": arguments}} if arguments else None


def _past(new: str, sent: str) -> tuple[str, str]:
    """(what is new, what of `sent` is still to come). Raises Broken where they differ."""
    shorter = min(len(new), len(sent))
    if new[:shorter] != sent[:shorter]:
        raise _differs()
    return new[shorter:], sent[shorter:]


def _differs() -> Broken:
    return Broken("its answer does not begin like the one that broke off")


def _followed(sent: Assembler, chunk: dict[str, Any], choices: list[Any]) -> dict[str, Any] | None:
    """The chunk under the first stream's name, with what is left of its choices; taken into `sent`."""
    chunk["choices"] = [choice for choice in choices if choice is not None]
    renamed(sent, chunk)
    chunk.pop("usage", None)
    if not chunk["choices"]:
        return None
    sent.feed(chunk)
    return chunk


def renamed(sent: Assembler, chunk: dict[str, Any]) -> dict[str, Any]:
    """One answer has one id, model and time of birth, whoever writes its end."""
    chunk |= {name: sent.head[name] for name in chunk.keys() & sent.head.keys()}
    return chunk


def _worth_sending(choice: dict[str, Any], begun: bool) -> dict[str, Any] | None:
    """The choice, without the role that was told when it began; None where it says nothing."""
    delta = choice.get("delta")
    if begun and delta is not None:
        choice["delta"] = delta = {name: value for name, value in delta.items() if name != "role" and value}
    said = delta or choice.get("text") or choice.get("logprobs") or choice.get("finish_reason")
    return choice if said else None


def _letters(holder: Mapping[str, Any]) -> int:
    return sum(len(holder.get(name) or "") for name in GENERATED)


def _last(logprobs: dict[str, Any], letters: int) -> dict[str, Any] | None:
    """The log-probabilities of the tokens that spell the last so many letters, chat or legacy."""
    entries = logprobs.get("content")
    tokens = [entry["token"] for entry in entries] if entries else logprobs.get("tokens") or []
    kept = 0
    while kept < len(tokens) and letters > 0:
        kept += 1
        letters -= len(tokens[-kept])
    if not kept:
        return None
    return {name: column[-kept:] if isinstance(column, list) else column for name, column in logprobs.items()}
