"""A streamed answer from litellm, turned into the events that OpenAI would have sent."""

from collections.abc import AsyncIterator
from typing import Any

import orjson

from tiers.deadlines import Deadlines
from tiers.errors import Broken, TierError
from tiers.managed_errors import as_tier_error

_DONE = b"data: [DONE]\n\n"


class ManagedStream:
    """Server-sent events from litellm's chunks.

    litellm ends every stream with a finish reason, also where the provider sent none; such an end raises
    Broken.
    """

    def __init__(self, chunks: Any, deadlines: Deadlines, model: str, *, secret: str | None) -> None:
        self.model = model
        self._chunks = chunks
        self._deadlines = deadlines
        self._secret = secret
        self._ended = False

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        if self._ended:
            raise StopAsyncIteration
        try:
            chunk = await self._next()
        except BaseException:
            await self.aclose()
            raise
        if chunk is None:
            self._ended = True
            return _DONE
        self._deadlines.begun = True
        return b"data: " + orjson.dumps(chunk) + b"\n\n"

    async def aclose(self) -> None:
        if not self._ended:
            self._ended = True
            await self._chunks.aclose()

    async def _next(self) -> dict[str, Any] | None:
        async with self._deadlines.limit():
            try:
                chunk = await anext(self._chunks)
            except StopAsyncIteration:
                return None
            except Exception as error:
                raise self._failed(error) from error
        event = _event(chunk.model_dump(exclude_none=True))
        if _finishes(event) and getattr(self._chunks, "received_finish_reason", "said") is None:
            raise Broken("the provider ended without a finish reason")
        return event

    def _failed(self, error: Exception) -> TierError:
        if self._deadlines.begun:
            return Broken("the provider broke off before the answer was finished")
        return as_tier_error(error, secret=self._secret)


def _finishes(event: dict[str, Any]) -> bool:
    return any(choice["finish_reason"] for choice in event["choices"])


def _event(chunk: dict[str, Any]) -> dict[str, Any]:
    """In OpenAI's shape: every choice has a finish reason or null, and usage comes without choices."""
    for choice in chunk["choices"]:
        choice.setdefault("finish_reason", None)
    if chunk.get("usage") and not any(c.get("delta") or c["finish_reason"] for c in chunk["choices"]):
        chunk["choices"] = []
    return chunk
