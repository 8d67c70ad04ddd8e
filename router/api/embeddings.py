"""`POST /v1/embeddings`: by the router's own small embedding model, or by a tier that embeds."""

import asyncio
import base64
import time
from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse

from router.admission import allowed, identify, read_tags
from router.api.models import LOCAL_EMBEDDING
from router.api.wire import cancelled_when_gone, headers_of, read_body
from router.errors import ClientGone, bad_request, forbidden
from router.ledger.types import RequestRow
from router.observe.events import RequestEnded
from router.pipeline import answer
from router.request import Arrival, Principal
from router.services import Services
from router.wire import validate

PATH = "/v1/embeddings"
_MOST_INPUTS = 2048


def routes(services: Services) -> APIRouter:
    router = APIRouter()

    @router.post(PATH)
    async def embed(request: Request) -> Response:
        headers = headers_of(request.scope)
        raw = await read_body(request.receive, headers, services.snapshot.config.server.max_body_bytes)
        arrival = Arrival(request.scope["tiergate.request_id"], PATH, headers, raw)
        principal = identify(services.keys, services.snapshot, headers)
        body = validate.parse(raw)
        validate.check(PATH, body)
        if body["model"] == LOCAL_EMBEDDING:
            return await _local(services, arrival, principal, body)
        try:
            with cancelled_when_gone(request.receive):
                reply = await answer(services, arrival)
        except ClientGone:
            return Response(status_code=499)
        return Response(reply.body, media_type="application/json", headers=dict(reply.headers))

    return router


async def _local(services: Services, arrival: Arrival, principal: Principal, body: dict[str, Any]) -> Response:
    """Static embeddings, in the classifier's thread; they cost nothing."""
    if not allowed(principal, LOCAL_EMBEDDING):
        raise forbidden(f"This key may not use the model '{LOCAL_EMBEDDING}'.")
    started, started_ns = time.monotonic(), time.time_ns()
    texts = _texts(body["input"])
    classifier = services.snapshot.classifier
    loop = asyncio.get_running_loop()
    vectors = await loop.run_in_executor(services.classifier_thread, classifier.embed, texts)
    tokens = sum(classifier.count_tokens(text) for text in texts)
    wanted = _dimensions(body.get("dimensions"), vectors.shape[1])
    as_base64 = body.get("encoding_format") == "base64"
    data = [
        {"object": "embedding", "index": at, "embedding": _encode(vector[:wanted], as_base64=as_base64)}
        for at, vector in enumerate(vectors)
    ]
    row = _row(arrival, principal, started_ns, tokens, read_tags(arrival.headers.get("x-tiergate-tags"), None))
    services.bus.emit(RequestEnded(row))
    headers = {
        "x-tiergate-tier": "local", "x-tiergate-model": LOCAL_EMBEDDING, "x-tiergate-decision": "pinned",
        "x-tiergate-cache": "off", "x-tiergate-attempts": "0", "x-tiergate-cost-usd": "0",
        "openai-processing-ms": str(round((time.monotonic() - started) * 1000)),
    }  # fmt: skip
    usage = {"prompt_tokens": tokens, "total_tokens": tokens}
    return JSONResponse({"object": "list", "model": LOCAL_EMBEDDING, "data": data, "usage": usage}, headers=headers)


def _texts(value: Any) -> list[str]:
    texts = [value] if isinstance(value, str) else value
    if not all(isinstance(text, str) and text for text in texts):
        raise bad_request(
            f"Invalid 'input': '{LOCAL_EMBEDDING}' takes non-empty strings, not token ids.", param="input"
        )
    if len(texts) > _MOST_INPUTS:
        raise bad_request(f"Invalid 'input': found {len(texts)} texts, allowed: {_MOST_INPUTS}.", param="input")
    return list(texts)


def _dimensions(value: Any, most: int) -> int:
    if value is None:
        return most
    if isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= most:
        return value
    raise bad_request(f"Invalid 'dimensions': found {value!r}, allowed: 1 to {most}.", param="dimensions")


def _encode(vector: Any, *, as_base64: bool) -> str | list[float]:
    if as_base64:
        return base64.b64encode(vector.astype("<f4").tobytes()).decode()
    return [float(value) for value in vector]


def _row(arrival: Arrival, principal: Principal, started_ns: int, tokens: int, tags: dict[str, str]) -> RequestRow:
    return RequestRow(
        request_id=arrival.id, started_ns=started_ns, ended_ns=time.time_ns(), path=PATH,
        client_model=LOCAL_EMBEDDING, policy="", decision="pinned", tier="local", model=LOCAL_EMBEDDING, status=200,
        cache="off", attempts=0, stream=False, input_tokens=tokens, cached_input_tokens=0, output_tokens=0,
        reasoning_tokens=0, estimated=False, cost_nusd=0, team=principal.team, key_id=principal.key_id,
        user=principal.user, tags=tags,
    )  # fmt: skip
