"""litellm's exceptions in terms of ours, told apart by name and status so that nothing is imported for it."""

from collections.abc import Mapping
from typing import Any

import orjson

from tiers.engines.dialect import Dialect
from tiers.errors import EngineFailed, TierError, TimedOut, Unreachable, Unsupported
from tiers.replies import failure, read_error

_DIALECT = Dialect(
    kind="litellm",
    context_words=("maximum context length", "context window", "prompt is too long", "input is too long"),
)


def as_tier_error(error: Exception, *, secret: str | None) -> TierError:
    """What a litellm exception stands for; its own wording and the provider's web pages are left out."""
    error = getattr(error, "original_exception", None) or error
    name = type(error).__name__
    if name == "Timeout":
        return TimedOut("the provider did not answer in time", phase="total")
    if name == "APIConnectionError" or "Connection error." in str(error):
        return Unreachable("the provider could not be reached")
    said = _said(error)
    if name == "UnsupportedParamsError":
        return Unsupported(said or "the provider lacks a parameter of this request", status=400)
    status = getattr(error, "status_code", None)
    if not isinstance(status, int):
        return EngineFailed(said or f"the provider failed ({name})")
    body = {"message": said, "code": "context_length_exceeded" if "ContextWindow" in name else None}
    return failure(status, orjson.dumps({"error": body}), _headers(error), dialect=_DIALECT, secret=secret)


def _said(error: Exception) -> str:
    """The provider's words without litellm's prefixes; nothing where they are a web page."""
    text = str(getattr(error, "message", error)).rpartition("Exception - ")[2].strip()
    readable = read_error(text.encode())
    return readable["message"] if readable else ""


def _headers(error: Exception) -> Mapping[str, str]:
    found: Any = getattr(error, "litellm_response_headers", None) or getattr(
        getattr(error, "response", None), "headers", None
    )
    return found if isinstance(found, Mapping) else {}
