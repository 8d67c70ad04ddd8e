"""The least that a Python gateway can be: uvicorn, aiohttp and two parses of JSON, nothing else."""

import sys
from typing import Any

import aiohttp
import orjson
import uvicorn


class PassThrough:
    """One ASGI application that sends every body to the upstream and its answer back."""

    def __init__(self, upstream: str) -> None:
        self._url = f"{upstream}/v1/chat/completions"
        self._client: aiohttp.ClientSession | None = None

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            await self._live(receive, send)
            return
        body = b""
        while True:
            message = await receive()
            body += message.get("body", b"")
            if not message.get("more_body"):
                break
        orjson.loads(body)
        assert self._client is not None
        async with self._client.post(self._url, data=body, headers={"content-type": "application/json"}) as reply:
            if reply.content_type == "text/event-stream":
                await send(_start(b"text/event-stream"))
                async for piece in reply.content.iter_any():
                    await send({"type": "http.response.body", "body": piece, "more_body": True})
                await send({"type": "http.response.body", "body": b""})
                return
            answer = await reply.read()
        orjson.loads(answer)
        await send(_start(b"application/json", len(answer)))
        await send({"type": "http.response.body", "body": answer})

    async def _live(self, receive: Any, send: Any) -> None:
        await receive()
        self._client = aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=4096))
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await self._client.close()
        await send({"type": "lifespan.shutdown.complete"})


def _start(kind: bytes, length: int | None = None) -> dict[str, Any]:
    sized = [] if length is None else [(b"content-length", str(length).encode())]
    return {"type": "http.response.start", "status": 200, "headers": [(b"content-type", kind), *sized]}


if __name__ == "__main__":
    uvicorn.run(
        PassThrough(sys.argv[1]), port=int(sys.argv[2]), log_level="error", access_log=False, http="httptools",
        loop="uvloop", ws="none", backlog=4096,
    )  # fmt: skip
