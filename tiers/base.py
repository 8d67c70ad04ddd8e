"""The seam: everything above it sees an engine only through these five methods."""

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from tiers.types import Call, Load


@dataclass(frozen=True, slots=True)
class Whole:
    """A finished answer: `body` is the engine's OpenAI-shaped JSON, as it came."""

    body: bytes
    model: str
    headers: Mapping[str, str] = field(default_factory=dict)


class Stream(Protocol):
    """An answer under way: server-sent event bytes, as they come, cut anywhere.

    Iterating raises `TierError` (mostly `Broken` or `TimedOut`) when the answer breaks. The iterator ending says only
    that the engine closed the stream; whether the answer is whole is for the reader to judge. `aclose` may be called
    at any time and more than once; before the end it cancels the work upstream.
    """

    model: str

    def __aiter__(self) -> AsyncIterator[bytes]: ...

    async def aclose(self) -> None: ...


class Engine(Protocol):
    """One replica's engine.

    `complete` and `stream` return only once the engine has accepted the request (2xx) and raise `TierError` otherwise;
    cancelling the task that awaits them cancels the work upstream. `stream` returns when the response has begun.
    """

    async def open(self) -> None:
        """Start or connect; returns when requests can be sent. Raises TierError with what to mend."""
        ...

    async def complete(self, call: Call) -> Whole: ...

    async def stream(self, call: Call) -> Stream: ...

    async def load(self) -> Load:
        """Ask the engine for its gauges without generating. Raises TierError where it does not answer."""
        ...

    async def close(self) -> None:
        """Stop what this opened. Requests in flight get an error; never raises."""
        ...
