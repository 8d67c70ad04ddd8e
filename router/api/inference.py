"""`POST /v1/chat/completions` and `/v1/completions`: the hot path, as plain ASGI."""

import re
from contextlib import aclosing

from router.api.wire import Receive, Scope, Send, cancelled_when_gone, headers_of, read_body, send_body, send_events
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
        try:
            raw = await read_body(receive, headers, self._services.snapshot.config.server.max_body_bytes)
            with cancelled_when_gone(receive):
                await _send(send, await self._answered(Arrival(request_id, scope["path"], headers, raw)))
        except ApiError as error:  # of the body's size: nothing was sent yet
            await _send(send, _told(error, request_id))
        except ClientGone:
            return

    async def _answered(self, arrival: Arrival) -> Answer:
        """The answer, or the error that stands for it. Raises ClientGone."""
        try:
            return await answer(self._services, arrival)
        except ApiError as error:
            return _told(error, arrival.id)
        except ClientGone:
            raise
        except Exception as error:  # noqa: BLE001 - the last place where a defect can become an answer
            self._services.log_defect(arrival.id, error)
            return _told(internal(), arrival.id)


def _told(error: ApiError, request_id: str) -> Answer:
    return Answer({"x-request-id": request_id, **error.headers}, error.body(), status=error.status)


async def _send(send: Send, reply: Answer) -> None:
    if reply.events is None:
        await send_body(send, reply.status, reply.headers, reply.body or b"")
        return
    async with aclosing(reply.events) as events:
        await send_events(send, reply.headers, events)


def request_id_of(headers: dict[str, str]) -> str:
    """The caller's own `x-request-id` where it is safe to repeat, else a new one."""
    given = headers.get("x-request-id", "")
    return given if _SAFE_ID.fullmatch(given) else new_id("req")
