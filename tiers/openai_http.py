"""An engine behind HTTP that speaks the OpenAI API; what differs between servers is in its dialect."""

from typing import Any

import aiohttp
import orjson

from tiers.base import Stream, Whole
from tiers.deadlines import Deadlines
from tiers.engines.dialect import Dialect
from tiers.errors import Broken, EngineFailed, Misconfigured, TierError, TimedOut, Unreachable
from tiers.http_session import HttpSession
from tiers.http_stream import HttpStream
from tiers.replies import failure, hidden_failure
from tiers.scrape import read_load
from tiers.types import Call, Load, ReplicaSpec, TierSpec

__all__ = ["HttpEngine", "HttpSession"]

_MOST_ERROR_BYTES = 65536
_MOST_BODY_BYTES = 64 * 1024 * 1024
_CHECK_S = 5.0


class HttpEngine:
    """One replica of a tier, at `replica.url` (mostly ending in /v1)."""

    def __init__(self, spec: TierSpec, replica: ReplicaSpec, session: HttpSession, dialect: Dialect) -> None:
        self._spec = spec
        self._session = session
        self._dialect = dialect
        self._base = replica.url.rstrip("/")
        self._root = self._base.removesuffix("/v1")
        self._model = dialect.fixed_model or spec.model
        self._headers = {"Authorization": f"Bearer {spec.api_key}"} if spec.api_key else {}
        self._timeout = aiohttp.ClientTimeout(total=None, sock_connect=spec.timeouts.connect_s)

    async def open(self) -> None:
        await self._get(self._health_url())
        if self._dialect.lists_models:
            self._check_model(await self._get(f"{self._base}/models"))

    async def complete(self, call: Call) -> Whole:
        deadlines = Deadlines(self._spec.timeouts, streamed=False)
        async with deadlines.limit():
            response = await self._post(call)
            body = await _whole_body(response)
        self._check_answer(body)
        return Whole(body, self._model, _kept_headers(response))

    async def stream(self, call: Call) -> Stream:
        deadlines = Deadlines(self._spec.timeouts, streamed=True)
        async with deadlines.limit():
            response = await self._post(call)
            if "Content-Type" in response.headers and response.content_type != "text/event-stream":
                await self._refuse_unstreamed(response)
        return HttpStream(response, deadlines, self._model)

    async def load(self) -> Load:
        gauges = self._dialect.gauges
        if gauges is None:
            await self._get(self._health_url())
            return Load()
        return read_load((await self._get(self._root + self._dialect.metrics)).decode("utf-8", "replace"), gauges)

    async def close(self) -> None:
        """Nothing of its own to stop: connections belong to the session."""

    async def _post(self, call: Call) -> aiohttp.ClientResponse:
        return await self._accepted(
            "POST",
            self._base + call.path.removeprefix("/v1"),
            data=orjson.dumps(self._body(call)),
            headers={**self._headers, "Content-Type": "application/json", "X-Request-Id": call.request_id},
            timeout=self._timeout,
        )

    async def _get(self, url: str) -> bytes:
        timeout = aiohttp.ClientTimeout(total=_CHECK_S, sock_connect=self._spec.timeouts.connect_s)
        response = await self._accepted("GET", url, headers=self._headers, timeout=timeout)
        return await _whole_body(response)

    async def _accepted(self, method: str, url: str, **options: Any) -> aiohttp.ClientResponse:
        """Send and wait for the headers of a 2xx; every other outcome is the TierError that it stands for."""
        try:
            response = await self._session.client.request(method, url, allow_redirects=False, **options)
        except (aiohttp.ClientError, OSError, TimeoutError) as error:
            raise _unsent(error) from error
        if response.status < 300:
            return response
        raise await self._failure(response)

    async def _failure(self, response: aiohttp.ClientResponse) -> TierError:
        body = await _error_body(response)
        return failure(response.status, body, response.headers, dialect=self._dialect, secret=self._spec.api_key)

    def _body(self, call: Call) -> dict[str, Any]:
        """The request as this engine wants it; the caller's mapping stays as it is."""
        renames = self._dialect.renames
        body = {renames.get(name, name): value for name, value in call.body.items()}
        body["model"] = self._model
        options = body.pop("stream_options", None)
        if call.stream:
            body["stream"] = True
            if self._dialect.usage_in_stream:
                body["stream_options"] = {**(options or {}), "include_usage": True}
        else:
            body.pop("stream", None)
        return body

    def _check_answer(self, body: bytes) -> None:
        trimmed = body.strip()
        if not trimmed:
            raise Broken("the engine sent an empty answer")
        if trimmed.startswith(b"<"):
            raise EngineFailed("a web page came where an answer was due; does `url` end in /v1?", status=200)
        if not (trimmed.startswith(b"{") and trimmed.endswith(b"}")):
            raise Broken("the answer is not whole JSON")
        error = hidden_failure(trimmed, dialect=self._dialect, secret=self._spec.api_key)
        if error:
            raise error

    async def _refuse_unstreamed(self, response: aiohttp.ClientResponse) -> None:
        """A 200 that is no stream: the error it holds, or that it is no stream."""
        kind = response.content_type
        self._check_answer(await _error_body(response))
        raise EngineFailed(f"{kind} came where a stream of events was due", status=200)

    def _health_url(self) -> str:
        path = self._dialect.health
        return self._root + path if path.startswith("/") else f"{self._base}/{path}"

    def _check_model(self, body: bytes) -> None:
        """Raises Misconfigured when the engine lists its models and ours is not there."""
        try:
            served = [model["id"] for model in orjson.loads(body)["data"]]
        except (ValueError, TypeError, KeyError):
            return
        if served and self._model not in served:
            raise Misconfigured(f"the engine serves {', '.join(served)}; `model` is {self._model}")


async def _whole_body(response: aiohttp.ClientResponse) -> bytes:
    """Raises Broken where it is cut short or has no end."""
    try:
        body = await _first_bytes(response, _MOST_BODY_BYTES)
    except (aiohttp.ClientError, OSError) as error:
        raise Broken("the connection broke before the answer was finished") from error
    if len(body) > _MOST_BODY_BYTES:
        raise Broken(f"the answer is longer than {_MOST_BODY_BYTES} bytes")
    return body


async def _error_body(response: aiohttp.ClientResponse) -> bytes:
    """As much of an error body as is worth reading; one that cannot be read is empty."""
    try:
        return (await _first_bytes(response, _MOST_ERROR_BYTES))[:_MOST_ERROR_BYTES]
    except (aiohttp.ClientError, OSError):
        return b""
    finally:
        response.close()


async def _first_bytes(response: aiohttp.ClientResponse, most: int) -> bytes:
    """The whole body, or a little more than `most` bytes of it; then the connection is closed."""
    pieces, size = [], 0
    try:
        while size <= most and (piece := await response.content.readany()):
            pieces.append(piece)
            size += len(piece)
    except BaseException:
        response.close()
        raise
    if size > most:
        response.close()
    return b"".join(pieces)


def _unsent(error: Exception) -> TierError:
    """Why no headers came; the messages name no address."""
    if isinstance(error, aiohttp.ConnectionTimeoutError):
        return TimedOut("no connection in time", phase="connect")
    if isinstance(error, TimeoutError):
        return TimedOut("no reply in time", phase="total")
    if isinstance(error, aiohttp.InvalidURL):
        return Misconfigured("`url` is not a URL")
    if isinstance(error, aiohttp.ClientResponseError):
        return Broken("what came is not well-formed HTTP")
    for kind, words in _UNREACHABLE:
        if isinstance(error, kind):
            return Unreachable(words)
    return Unreachable("the connection closed before a reply came")


# From the special to the general.
_UNREACHABLE: tuple[tuple[type[Exception], str], ...] = (
    (aiohttp.ClientConnectorDNSError, "the host name does not resolve"),
    (aiohttp.ClientSSLError, "the TLS handshake failed"),
    (aiohttp.ClientConnectorError, "the connection was refused"),
)


def _kept_headers(response: aiohttp.ClientResponse) -> dict[str, str]:
    name = "x-request-id"
    return {name: response.headers[name]} if name in response.headers else {}
