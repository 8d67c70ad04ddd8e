"""`POST /v1/feedback`: how good the answer to a request was, 0 to 1."""

import asyncio
import time
from functools import partial
from typing import Any

from fastapi import APIRouter, Request, Response

from router.admission import identify
from router.api.wire import headers_of, read_body
from router.errors import ApiError, bad_request
from router.feedback import Feedback, note
from router.services import Services
from router.wire import validate

PATH = "/v1/feedback"


def routes(services: Services) -> APIRouter:
    router = APIRouter()

    @router.post(PATH)
    async def feedback(request: Request) -> Response:
        headers = headers_of(request.scope)
        raw = await read_body(request.receive, headers, services.snapshot.config.server.max_body_bytes)
        principal = identify(services.keys, services.snapshot, headers)
        request_id, score = _checked(validate.parse(raw))
        told = Feedback(request_id, score, principal.key_id, time.time_ns())
        everyone = services.snapshot.config.server.auth == "none" or principal.role == "admin"
        store = partial(note, services.ledger.path, told, None if everyone else principal.team)
        if not await asyncio.get_running_loop().run_in_executor(None, store):
            raise ApiError(
                404, f"No request {request_id!r} of yours is in the ledger (yet: it is written when the answer ended).",
                param="request_id", code="not_found",
            )  # fmt: skip
        return Response(status_code=204)

    return router


def _checked(body: dict[str, Any]) -> tuple[str, float]:
    """Raises ApiError 400."""
    request_id, score = body.get("request_id"), body.get("score")
    if not isinstance(request_id, str) or not request_id:
        raise bad_request("request_id: the x-request-id of an answer is needed.", param="request_id")
    if isinstance(score, bool) or not isinstance(score, int | float) or not 0.0 <= score <= 1.0:
        raise bad_request(f"score: found {score!r}, allowed a number from 0 to 1.", param="score")
    return request_id, float(score)
