"""Errors as the caller sees them: always OpenAI's shape, never an engine's raw text.

ApiError            status, message, type, param, code, headers
ClientGone          the caller left; nobody is there to be told
"""

from collections.abc import Mapping
from typing import Any

import orjson

from tiers.errors import ContextTooLong, Overloaded, Refused, TierError, TimedOut

# An SDK retries 408, 409, 429 and 5xx by itself; this header tells it that trying again cannot help.
NO_RETRY = {"x-should-retry": "false"}


class ApiError(Exception):
    """An answer that is an error. status: HTTP. type, param, code: as in OpenAI's error object."""

    def __init__(
        self,
        status: int,
        message: str,
        *,
        type: str = "invalid_request_error",  # noqa: A002 - OpenAI's own field name
        param: str | None = None,
        code: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.type = type
        self.param = param
        self.code = code
        self.headers = dict(headers or {})

    def body(self) -> bytes:
        return orjson.dumps({"error": self.error})

    @property
    def error(self) -> dict[str, Any]:
        return {"message": self.message, "type": self.type, "param": self.param, "code": self.code}

    def event(self) -> bytes:
        """The same as a server-sent event, for a stream that has begun."""
        return b"data: " + self.body() + b"\n\n"


class ClientGone(Exception):
    """The caller closed the connection before the answer was complete."""


def bad_request(message: str, *, param: str | None = None, code: str | None = None) -> ApiError:
    return ApiError(400, message, param=param, code=code)


def unauthorized() -> ApiError:
    """One message for no key, a wrong key, a revoked and an expired one."""
    return ApiError(
        401,
        "Incorrect or missing API key. Send it as 'Authorization: Bearer <key>'; keys are made with "
        "'tiergate keys create'.",
        code="invalid_api_key",
        headers=NO_RETRY,
    )


def forbidden(message: str) -> ApiError:
    return ApiError(403, message, type="permission_error", code="not_allowed", headers=NO_RETRY)


def model_not_found(model: str, offered: tuple[str, ...]) -> ApiError:
    names = ", ".join(offered[:20])
    return ApiError(
        404,
        f"The model '{model[:200]}' does not exist here; offered: {names}.",
        param="model",
        code="model_not_found",
    )


def context_too_long(message: str) -> ApiError:
    return ApiError(400, message, param="messages", code="context_length_exceeded")


def no_candidate(reasons: tuple[str, ...]) -> ApiError:
    """Nothing that is configured may serve this request; trying again cannot help."""
    return bad_request("No tier can serve this request: " + "; ".join(reasons), code="no_capable_tier")


def unavailable(reasons: tuple[str, ...]) -> ApiError:
    """What could serve this request is being drained; later it may be served."""
    told = "No tier takes new requests now: " + "; ".join(reasons)
    return ApiError(503, told, type="server_error", code="overloaded", headers={"retry-after": "5"})


class AllFailed(ApiError):
    """Every candidate failed. The message names each attempt; the status is the last one's kind."""

    def __init__(self, attempts: tuple[tuple[str, TierError], ...]) -> None:
        last = attempts[-1][1] if attempts else None
        told = "; ".join(f"{where}: {error.message}" for where, error in attempts)
        status, code, headers = _status_of(last)
        super().__init__(status, f"Every candidate failed. {told}", type="server_error", code=code, headers=headers)
        self.attempts = attempts


def _status_of(error: TierError | None) -> tuple[int, str, dict[str, str]]:
    if isinstance(error, TimedOut):
        return 504, "upstream_timeout", {}
    if isinstance(error, Overloaded) or error is None:
        wait = getattr(error, "retry_after_s", None)
        return 503, "overloaded", {"retry-after": str(max(1, round(wait or 1)))}
    return 502, "upstream_failed", {}


def from_refusal(error: Refused) -> ApiError:
    """The engine's own reason, where the request itself is at fault."""
    if isinstance(error, ContextTooLong):
        return context_too_long(error.message)
    said = error.error or {}
    return ApiError(
        error.status if error.status in (400, 413, 422) else 400,
        error.message,
        param=said.get("param") if isinstance(said.get("param"), str) else None,
        code=said.get("code") if isinstance(said.get("code"), str) else None,
    )


def cut_stream(failures: tuple[tuple[str, TierError], ...]) -> ApiError:
    """For a stream that began and that nobody could go on with: sent as an event, and no `[DONE]` follows."""
    told = "; ".join(f"{where}: {error.message}" for where, error in failures)
    return ApiError(502, f"The answer broke off. {told}", type="server_error", code="stream_cut")


def internal() -> ApiError:
    return ApiError(500, "Tiergate failed on this request; it is logged under its x-request-id.", type="server_error")
