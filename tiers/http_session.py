"""The one pool of HTTP connections that every tier shares."""

import aiohttp

# Below the 5 s after which uvicorn closes an idle connection, so that none is reused while it is being
# closed.
_KEEPALIVE_S = 4.0
_MOST_CONNECTIONS = 4096
_DNS_TTL_S = 30


class HttpSession:
    """Opened once on the event loop, closed last. No cookies, no proxy from the environment."""

    def __init__(self) -> None:
        self._client: aiohttp.ClientSession | None = None

    @property
    def client(self) -> aiohttp.ClientSession:
        """Raises RuntimeError before `open` and after `close`."""
        if self._client is None:
            raise RuntimeError("HttpSession is not open")
        return self._client

    async def open(self) -> None:
        self._client = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(
                limit=_MOST_CONNECTIONS, keepalive_timeout=_KEEPALIVE_S, ttl_dns_cache=_DNS_TTL_S
            ),
            cookie_jar=aiohttp.DummyCookieJar(),
            trust_env=False,
            timeout=aiohttp.ClientTimeout(total=None),
            headers={"User-Agent": "tiergate", "Accept-Encoding": "identity"},
        )

    async def close(self) -> None:
        client, self._client = self._client, None
        if client is not None:
            await client.close()
