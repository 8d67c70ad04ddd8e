"""A gateway in this process, on an ephemeral port, with a ledger in a folder of its own."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import uvicorn

from policies.load import loads
from policies.schema import Config
from router.app import Gateway
from router.services import Opening
from router.settings import embedded_config


@asynccontextmanager
async def running(folder: Path, config: str = "") -> AsyncIterator[str]:
    """Yields its base URL; on leaving, the gateway has ended and everything is in the ledger.

    config: YAML in place of the embedded configuration, its ledger at `sqlite:///var/ledger.db`.
    """
    path = folder / "tiergate.yaml"
    path.write_text((config or embedded_config().read_text()).replace("sqlite:///var/", f"sqlite:///{folder}/"))

    def read() -> Config:
        return loads(path.read_bytes(), str(path), {})

    started = asyncio.Event()

    class Server(uvicorn.Server):
        async def startup(self, sockets: object = None) -> None:
            await super().startup(sockets)
            started.set()

    app = Gateway(lambda: Opening(path, read))
    server = Server(uvicorn.Config(app, host="127.0.0.1", port=0, log_level="error", access_log=False, ws="none"))
    task = asyncio.create_task(server._serve(None))  # noqa: SLF001 - `serve` takes the signals of this process
    await started.wait()
    try:
        yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    finally:
        server.should_exit = True
        await task
