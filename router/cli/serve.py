"""`tiergate serve`: run the gateway."""

import contextlib
import functools
import gc
import logging
import sys
from typing import Annotated

import typer
import uvicorn

from policies.problems import ConfigError
from policies.schema import is_loopback
from router.app import Gateway
from router.cli.check import ConfigOption, read
from router.cli.console import fail, say
from router.services import Opening
from router.settings import embedded_config

_ALLOCATIONS_BETWEEN_COLLECTIONS = 20_000


def serve(
    config: ConfigOption = None,
    host: Annotated[str | None, typer.Option(help="Address to listen on; the file's server.host.")] = None,
    port: Annotated[
        int | None, typer.Option(help="Port to listen on; the file's server.port. 0: any.", min=0, max=65535)
    ] = None,
    insecure: Annotated[bool, typer.Option(help="Listen beyond loopback without keys.")] = False,
) -> None:
    """Run the gateway; it is ready when /health/ready answers 200."""
    logging.basicConfig(level=logging.WARNING, stream=sys.stderr, format="%(levelname)s %(name)s: %(message)s")
    described = read(config, insecure=insecure)
    address, number = host or described.server.host, described.server.port if port is None else port
    if host is not None and not is_loopback(host) and described.server.auth == "none" and not insecure:
        fail(f"--host {host} is reachable from outside: set server.auth: keys, or pass --insecure.")
    path = config or embedded_config()
    gateway = Gateway(functools.partial(Opening, path, functools.partial(read, config, insecure=insecure)))
    server = _Server(
        uvicorn.Config(
            gateway, host=address, port=number, log_level="warning", access_log=False, server_header=False,
            proxy_headers=False,
            lifespan="on", timeout_graceful_shutdown=30, http="httptools", ws="none", backlog=4096,
        )
    )  # fmt: skip
    with contextlib.suppress(SystemExit):  # uvicorn's way of saying that the start failed; told below
        server.run()
    if isinstance(gateway.failure, ConfigError):
        raise gateway.failure
    if gateway.failure is not None:
        fail(str(gateway.failure))
    if not server.started:
        fail(f"cannot listen on {address}:{number}; is another gateway running there? Use --port.", code=1)


def _settle_memory() -> None:
    """What is loaded by now stays for good: the collector of cycles need not walk through it again and again."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(_ALLOCATIONS_BETWEEN_COLLECTIONS)


class _Server(uvicorn.Server):
    """Says where it listens, and how to ask it something, once it does."""

    async def startup(self, sockets: list[object] | None = None) -> None:  # type: ignore[override]
        await super().startup(sockets)  # type: ignore[arg-type]
        _settle_memory()
        for listening in self.servers:
            for sock in listening.sockets:
                host, port = sock.getsockname()[:2]
                say(f"Tiergate listens on http://{host}:{port}  (OpenAI base_url: http://{host}:{port}/v1)")
                say("Try it:")
                say(f"  curl http://{host}:{port}/v1/chat/completions -H 'content-type: application/json' \\")
                say("""    -d '{"model": "auto", "messages": [{"role": "user", "content": "What is 7 plus 5?"}]}'""")
