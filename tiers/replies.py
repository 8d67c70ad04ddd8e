"""Engine replies that are not answers: one tolerant reader for every shape of error."""

from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from types import MappingProxyType
from typing import Any

import orjson

from tiers.engines.dialect import Dialect
from tiers.errors import ContextTooLong, EngineFailed, Misconfigured, Overloaded, Refused, TierError

_LONGEST_MESSAGE = 2000
_FULL = frozenset({429, 503, 529})
_CONTEXT_CODES = frozenset({"context_length_exceeded", "exceed_context_size_error", "context_window_exceeded"})


_OWNERS_FAULT: Mapping[int, str] = MappingProxyType(
    {
        401: "the engine does not accept our key; see `api_key`",
        402: "the account at this engine is out of credit",
        403: "our key may not use this model there; see `api_key` and `model`",
        404: "no such model or path there; see `model` and `url`",
        405: "this path is not the API; does `url` end in /v1?",
    }
)


def failure(
    status: int, body: bytes, headers: Mapping[str, str], *, dialect: Dialect, secret: str | None = None
) -> TierError:
    """The error that a reply stands for, by its status and whatever its body says.

    secret: our key there; never repeated, should the engine quote it.
    """
    if status < 400:
        return Misconfigured(f"HTTP {status}: redirects are not followed; see `url`", status=status)
    if status in _OWNERS_FAULT:
        return Misconfigured(f"HTTP {status}: {_OWNERS_FAULT[status]}", status=status)
    error = read_error(body, secret)
    said = f"HTTP {status}: {error['message']}" if error else f"HTTP {status}"
    if status in _FULL:
        return Overloaded(said, status=status, error=error, retry_after_s=retry_after_s(headers))
    if status >= 500 or status == 408:
        return EngineFailed(said, status=status, error=error)
    return _refusal(said, status, error, dialect)


def hidden_failure(body: bytes, *, dialect: Dialect, secret: str | None = None) -> TierError | None:
    """The error inside a reply or stream event that came with status 200; None where there is none."""
    if b'"error"' not in body:
        return None
    parsed = _parsed(body)
    if not isinstance(parsed, dict) or not (parsed.get("error") or parsed.get("object") == "error"):
        return None
    error = read_error(body, secret)
    status = _status_of(parsed, error)
    if status is not None:
        return failure(status, body, {}, dialect=dialect, secret=secret)
    if error and _is_context(error, dialect):
        return _refusal(error["message"], None, error, dialect)
    return EngineFailed(error["message"] if error else "an error without a message", error=error)


def read_error(body: bytes, secret: str | None = None) -> dict[str, Any] | None:
    """An error body in OpenAI's shape: `message`, `type`, `param`, `code`; None where nothing readable is in
    it.

    Reads error objects, bare strings in JSON or plain text, and FastAPI's `detail`; a web page is never
    repeated.
    """
    parsed = _parsed(body)
    found = _error_in(parsed)
    message = _message_of(found) if parsed is not None else _plain_text(body)
    if not message:
        return None
    if secret:
        message = message.replace(secret, "***")
    fields = found if isinstance(found, dict) else {}
    kind = fields.get("type") or fields.get("error_type")
    return {
        "message": message[:_LONGEST_MESSAGE],
        "type": kind if isinstance(kind, str) else "upstream_error",
        "param": fields.get("param") if isinstance(fields.get("param"), str) else None,
        "code": fields.get("code") if isinstance(fields.get("code"), str | int) else None,
    }


def retry_after_s(headers: Mapping[str, str]) -> float | None:
    """`Retry-After` in seconds; a date is taken against the reply's own `Date`. None where absent or
    unreadable.
    """
    value = headers.get("Retry-After", "").strip()
    if value.isdecimal():
        return float(value)
    try:
        wait = parsedate_to_datetime(value) - parsedate_to_datetime(headers.get("Date", ""))
    except (ValueError, TypeError):  # TypeError: one date with a time zone, one without
        return None
    return max(0.0, wait.total_seconds())


def _parsed(body: bytes) -> Any:
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError:
        return None


def _error_in(parsed: Any) -> Any:
    """The part of a JSON body that speaks of the error."""
    if not isinstance(parsed, dict):
        return parsed
    inner = parsed.get("error")
    if isinstance(inner, dict):
        return inner
    return parsed


def _message_of(found: Any) -> str:
    if isinstance(found, str):
        return found.strip()
    if not isinstance(found, dict):
        return ""
    for field in ("message", "error", "detail", "msg"):
        value = found.get(field)
        if value:
            return value.strip() if isinstance(value, str) else orjson.dumps(value).decode()
    return ""


def _plain_text(body: bytes) -> str:
    text = body.decode("utf-8", "replace").strip()
    return "" if text.startswith("<") or not text.isprintable() else text


def _refusal(said: str, status: int | None, error: dict[str, Any] | None, dialect: Dialect) -> Refused:
    if error and _is_context(error, dialect):
        return ContextTooLong(said, status=status, error=error | {"code": "context_length_exceeded"})
    return Refused(said, status=status, error=error)


def _is_context(error: Mapping[str, Any], dialect: Dialect) -> bool:
    if error["code"] in _CONTEXT_CODES or error["type"] in _CONTEXT_CODES:
        return True
    message = error["message"].lower()
    return any(words in message for words in dialect.context_words)


def _status_of(parsed: Mapping[str, Any], error: Mapping[str, Any] | None) -> int | None:
    """The HTTP status that an error inside a 200 names, if it names one."""
    for code in ((error or {}).get("code"), parsed.get("code"), parsed.get("status")):
        if isinstance(code, int) and 400 <= code < 600:
            return code
    return None
