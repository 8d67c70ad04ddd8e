"""An engine's stream, read as events: the beginning held back, the rest relayed, the end judged."""

import time
from collections.abc import AsyncIterator, Callable
from typing import Any

import orjson

from router.errors import ApiError
from router.joining import Join, renamed
from router.wire.assemble import Assembler
from router.wire.choice import carries_output
from router.wire.sse import Event, SseError, SseReader
from tiers.base import Stream
from tiers.errors import Broken, EngineFailed, TierError

DONE = b"data: [DONE]\n\n"
_MAX_HELD_BYTES = 1 << 20


class Incoming:
    """One stream under way.

    plain: the caller must not see what Tiergate added to the request (log-probabilities, usage per chunk), so events
    are rebuilt without it; otherwise their bytes pass untouched. The usage chunk is always kept back: whether the
    caller gets one, and with which cost, is known only at the end.

    logprobs: of the sampled tokens seen so far, where the engine gave them. tokens: events that carried output.
    first_token, last_token: seconds of the monotonic clock, None before there is one. grew: told `tokens` after each
    event that carried output; an ApiError that it raises ends the stream. assembled: what this stream said.
    """

    def __init__(
        self,
        stream: Stream,
        *,
        choices: int,
        plain: bool,
        grew: Callable[[int], None] | None = None,
    ) -> None:
        self._stream = stream
        self._source = aiter(stream)
        self._reader = SseReader()
        self._plain = plain
        self._grew = grew
        self._join: Join | None = None
        self._failure: TierError | ApiError | None = None
        self._ended = False
        self._held: list[bytes] = []
        self._held_bytes = 0
        self.assembled = Assembler(choices=choices)
        self.logprobs: list[float] = []
        self.tokens = 0
        self.first_token: float | None = None
        self.last_token: float | None = None
        self.usage_chunk: dict[str, Any] | None = None
        self.finish_reason = ""
        self.model = stream.model

    def follow(self, join: Join, *, choices: int) -> None:
        """Before anything was read: this stream goes on with an answer that another began."""
        self._join = join
        self.assembled = Assembler(choices=choices)

    @property
    def ended(self) -> bool:
        return self._ended

    @property
    def answer(self) -> Assembler:
        """The caller's answer so far, over all the streams that it came in."""
        return self.assembled if self._join is None else self._join.sent

    def usage(self) -> dict[str, Any] | None:
        """Of the caller's answer as a whole, in the engine's words; None where this stream's engine said nothing."""
        own = self.assembled.usage()
        return own if self._join is None or own is None else self._join.usage(own)

    async def hold(self, tokens: int) -> None:
        """Read until so many events with output were seen, or the end, keeping them for `relay`. Raises TierError.

        Where the stream repeats what the caller has, that is read first, whatever its length.
        """
        while self._behind or (not self._ended and self.tokens < tokens and self._held_bytes < _MAX_HELD_BYTES):
            self._keep(await self._read())

    async def advance(self, tokens: int) -> None:
        """The same, forwarding nothing: for an answer that is put together whole. Raises TierError."""
        while not self._ended and self.tokens < tokens:
            await self._read()

    async def relay(self) -> AsyncIterator[bytes]:
        """The held events, then the rest as they come. Raises TierError where the answer is not whole."""
        if self._held:
            yield b"".join(self._held)
            self._held = []
        while not self._ended:
            if forward := await self._read():
                yield forward

    async def aclose(self) -> None:
        await self._stream.aclose()

    @property
    def _behind(self) -> bool:
        return self._join is not None and not self._join.caught_up and not self._ended

    def _keep(self, forward: bytes) -> None:
        if forward:
            self._held.append(forward)
            self._held_bytes += len(forward)

    async def _read(self) -> bytes:
        """The next piece of the stream as bytes to forward, possibly none."""
        if self._failure is not None:
            raise self._failure
        try:
            piece = await anext(self._source)
        except StopAsyncIteration:
            return self._take_last()
        except TierError:
            if not self.assembled.complete:
                raise
            self._ended = True  # only the usage or [DONE] is missing
            return b""
        try:
            events = self._reader.feed(piece)
        except SseError as error:
            raise Broken(f"unreadable event in the stream: {error}") from None
        return self._take_all(events)

    def _take_last(self) -> bytes:
        forward = self._take_all(self._reader.finish())
        if not self._ended and self._failure is None:
            self._end()
        return forward

    def _take_all(self, events: list[Event]) -> bytes:
        if len(events) == 1:
            return self._take(events[0])
        forward: list[bytes] = []
        for event in events:
            try:
                forward.append(self._take(event))
            except (TierError, ApiError) as error:  # raised by the next read: what came before it is sent first
                self._failure = error
                break
        return b"".join(forward)

    def _take(self, event: Event) -> bytes:
        if self._ended or event.data is None:
            return b"" if self._ended else event.raw  # a keep-alive comment passes
        if event.done:
            self._end()
            return b""
        try:
            chunk = orjson.loads(event.data)
            if chunk.get("error"):
                return self._fail(chunk["error"])
            return self._forward(chunk, event)
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise Broken("malformed event in the stream") from error

    def _forward(self, chunk: dict[str, Any], event: Event) -> bytes:
        choices = chunk.get("choices")
        if self._join is None and not self._plain and self.assembled.more_text(chunk):
            self._note_token()
            return event.raw
        if choices:
            self._note_tokens(choices)
            if self._plain:
                for choice in choices:
                    choice.pop("logprobs", None)
        self.assembled.feed(chunk)
        if not choices:
            self._keep_usage(chunk)
            return b""
        if self._join is not None:
            return _event(self._join.take(chunk))
        if not self._plain:
            return event.raw
        chunk.pop("usage", None)
        return _event(chunk)

    def _keep_usage(self, chunk: dict[str, Any]) -> None:
        if chunk.get("usage"):
            self.usage_chunk = chunk if self._join is None else renamed(self._join.sent, chunk)

    def _note_tokens(self, choices: list[dict[str, Any]]) -> None:
        for choice in choices:
            self.finish_reason = choice.get("finish_reason") or self.finish_reason
            if logprobs := choice.get("logprobs"):
                self.logprobs.extend(_sampled(logprobs))
            if carries_output(choice):
                self._note_token()

    def _note_token(self) -> None:
        self.tokens += 1
        self.last_token = time.monotonic()
        if self.first_token is None:
            self.first_token = self.last_token
        if self._grew is not None:
            self._grew(self.tokens)

    def _fail(self, error: Any) -> bytes:
        """The engine says that it failed, which matters only while its answer is not whole."""
        if not self.assembled.complete:
            raise _failure(error, begun=self.tokens > 0)
        self._ended = True
        return b""

    def _end(self) -> None:
        """The engine closed the stream or said [DONE]; neither proves that the answer is whole."""
        if not self.assembled.complete:
            raise Broken(f"the stream ended after {self.tokens} tokens without a finish_reason")
        self._ended = True


def _event(chunk: dict[str, Any] | None) -> bytes:
    return b"" if chunk is None else b"data: " + orjson.dumps(chunk) + b"\n\n"


def _sampled(logprobs: dict[str, Any]) -> list[float]:
    """Log-probabilities of the sampled tokens, from the chat shape or the legacy one."""
    content = logprobs.get("content")
    if content:
        return [float(token["logprob"]) for token in content]
    return [float(value) for value in logprobs.get("token_logprobs") or () if value is not None]


def _failure(error: Any, *, begun: bool) -> EngineFailed | Broken:
    said = error.get("message") if isinstance(error, dict) else error
    message = f"the engine reported an error in the stream: {str(said)[:300]}"
    return Broken(message) if begun else EngineFailed(message)
