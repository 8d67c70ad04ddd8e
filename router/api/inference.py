"""`POST /v1/chat/completions` and `/v1/completions`: the hot path, as plain ASGI."""

import re
from contextlib import aclosing

from router.api.wire import (
    Receive,
    Scope,
    Send,
    cancelled_when_gone,
    headers_of,
    read_body,
    send_body,
    send_error,
    send_events,
)
from router.deliver import Answer
from router.errors import ApiError, ClientGone, internal
from router.ids import new_id
from router.pipeline import answer
from router.request import Arrival
from router.services import Services

_SAFE_ID = re.compile(r"[\w.:-]{1,128}")


class Inference:
    """One ASGI endpoint for every path that is answered by a tier."""

    def __init__(self, services: Services) -> None:
        self._services = services

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = headers_of(scope)
        request_id = request_id_of(headers)
        begun = False

        async def noting(message: dict[str, object]) -> None:
            nonlocal begun
            begun = True
            await send(message)

        try:
            await self._answer(scope["path"], headers, request_id, receive, noting)
        except ApiError as error:
            await send_error(send, error, request_id)
        except ClientGone:
            return
        except Exception as error:  # noqa: BLE001 - the last place where a defect can become an answer
            self._services.log_defect(request_id, error)
            if not begun:
                await send_error(send, internal(), request_id)

    async def _answer(self, path: str, headers: dict[str, str], request_id: str, receive: Receive, send: Send) -> None:
        limit = self._services.snapshot.config.server.max_body_bytes
        raw = await read_body(receive, headers, limit)
        async with cancelled_when_gone(receive):
            reply = await answer(self._services, Arrival(request_id, path, headers, raw))
            await _send(send, reply)


async def _send(send: Send, reply: Answer) -> None:
    if reply.events is None:
        await send_body(send, 200, reply.headers, reply.body or b"")
        return
    async with aclosing(reply.events) as events:
        await send_events(send, reply.headers, events)


def request_id_of(headers: dict[str, str]) -> str:
    """The caller's own `x-request-id` where it is safe to repeat, else a new one."""
    given = headers.get("x-request-id", "")
    return given if _SAFE_ID.fullmatch(given) else new_id("req")
