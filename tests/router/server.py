"""An ASGI application on an ephemeral loopback port, started and stopped with the test."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import uvicorn


@asynccontextmanager
async def serving(app: Any) -> AsyncIterator[str]:
    """Yields its base URL once it has started."""
    started = asyncio.Event()

    class Server(uvicorn.Server):
        async def startup(self, sockets: Any = None) -> None:
            try:
                await super().startup(sockets)
            except SystemExit:  # uvicorn's way of saying that the application did not start
                self.should_exit = True
            started.set()

    server = Server(
        uvicorn.Config(app, host="127.0.0.1", port=0, log_level="error", access_log=False, lifespan="on", ws="none")
    )
    server.install_signal_handlers = lambda: None  # type: ignore[attr-defined]
    running = asyncio.create_task(server._serve(None))
    await started.wait()
    if not server.started:
        await asyncio.gather(running, return_exceptions=True)
        raise app.failure
    port = server.servers[0].sockets[0].getsockname()[1]
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        server.should_exit = True
        await running
