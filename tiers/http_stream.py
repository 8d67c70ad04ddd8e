"""A streamed HTTP answer: the engine's bytes, passed on as they come."""

from collections.abc import AsyncIterator

import aiohttp

from tiers.deadlines import Deadlines, Watch
from tiers.errors import Broken


class HttpStream:
    """Bytes of server-sent events as they arrive; reading slowly slows the engine's connection down.

    Raises TimedOut (first_token, idle, total) and Broken (reset, cut short). However it ends, the connection
    is given up: back to the pool after the last byte, closed at once otherwise.
    """

    def __init__(self, response: aiohttp.ClientResponse, deadlines: Deadlines, model: str) -> None:
        self.model = model
        self._response = response
        self._deadlines = deadlines
        self._watch = Watch(deadlines, response.content.set_exception)
        self._line = b""
        self._ended = False

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        if self._ended:
            raise StopAsyncIteration
        try:
            chunk = await self._read()
        except BaseException:
            await self.aclose()
            raise
        if not chunk:
            self._ended = True
            self._watch.stop()
            self._response.release()
            raise StopAsyncIteration
        if not self._deadlines.begun and self._holds_data(chunk):
            self._deadlines.begun = True
            self._watch.stop()  # the limit between two pieces may be shorter than the first token's
        return chunk

    async def aclose(self) -> None:
        if not self._ended:
            self._ended = True
            self._watch.stop()
            self._response.close()

    async def _read(self) -> bytes:
        """What has arrived already, else what comes next; nothing at the end."""
        content = self._response.content
        try:
            if arrived := content.read_nowait():
                return arrived
            self._watch.wait()
            return await content.readany()
        except (aiohttp.ClientError, OSError) as error:
            raise Broken("the connection broke before the answer was finished") from error
        finally:
            self._watch.came()

    def _holds_data(self, chunk: bytes) -> bool:
        """Whether a data event has begun; comments and other fields are not the first token."""
        lines = (self._line + chunk).replace(b"\r", b"\n").split(b"\n")
        self._line = lines[-1][:5]
        return any(line.startswith(b"data:") for line in lines)
