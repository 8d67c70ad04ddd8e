"""The ASGI application: two hot paths as plain functions, everything else through FastAPI."""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager

from fastapi import FastAPI

from router.api.inference import Inference
from router.api.pages import pages
from router.api.wire import Receive, Scope, Send
from router.services import Services

HOT_PATHS = ("/v1/chat/completions", "/v1/completions")


class Gateway:
    """Opens the services when the server starts and closes them when it stops.

    opening: makes the context that yields the services. `services` is set between the two.
    """

    def __init__(self, opening: Callable[[], AbstractAsyncContextManager[Services]]) -> None:
        self._opening = opening
        self.services: Services | None = None
        self.failure: BaseException | None = None
        self._hot: dict[str, Inference] = {}
        self._rest: FastAPI | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._live(receive, send)
            return
        if scope["type"] == "http" and scope["method"] == "POST" and scope["path"] in self._hot:
            await self._hot[scope["path"]](scope, receive, send)
            return
        assert self._rest is not None  # noqa: S101 - the server sends nothing before the lifespan began
        await self._rest(scope, receive, send)  # type: ignore[arg-type]

    async def _live(self, receive: Receive, send: Send) -> None:
        await receive()
        try:
            async with self._opening() as services:
                self._serve(services)
                await send({"type": "lifespan.startup.complete"})
                await receive()
        except BaseException as error:  # noqa: BLE001 - whoever started the server tells it to a person
            self.failure = error
            await send({"type": "lifespan.startup.failed", "message": "see below"})
            return
        await send({"type": "lifespan.shutdown.complete"})

    def _serve(self, services: Services) -> None:
        self.services = services
        inference = Inference(services)
        self._hot = dict.fromkeys(HOT_PATHS, inference)
        self._rest = pages(services)
