"""What can go wrong between Tiergate and an engine.

TierError
|-- Refused            the engine says this request is wrong; resending it there cannot help
|   |-- ContextTooLong   the prompt (and max_tokens) do not fit; a tier with a larger context may serve it
|   `-- Unsupported      the engine lacks a capability that the request needs
|-- Unavailable        this replica cannot serve now; another may
|   |-- Overloaded       queue full, 503 or 429; `retry_after_s` where the engine said one
|   |-- Unreachable      DNS, connect, TLS, reset before the headers
|   |-- TimedOut         `phase` is connect, first_token, idle or total
|   |-- EngineFailed     5xx, or an error inside a 200
|   `-- Misconfigured    401/403/404 from the engine: our key or model name is wrong there
`-- Broken             the answer began and then broke: reset, cut, malformed, stalled
"""

from typing import Any, Literal

# The words that `policies.<name>.fallback.on` may list.
Reason = Literal["timeout", "429", "5xx", "reset", "stream_cut", "overloaded", "context", "refused", "config"]
Phase = Literal["connect", "first_token", "idle", "total"]


class TierError(Exception):
    """An attempt failed.

    reason: the fallback word for it. status: the HTTP status the engine gave, None where there was none.
    error: the engine's own error object in OpenAI's shape (`message`, `type`, `param`, `code`), where it gave one;
    free of secrets, safe to show to the caller.
    """

    reason: Reason = "5xx"

    def __init__(self, message: str, *, status: int | None = None, error: dict[str, Any] | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.status = status
        self.error = error


class Refused(TierError):
    """The engine refused the request itself (400, 413, 422); the caller should see why."""

    reason: Reason = "refused"


class ContextTooLong(Refused):
    """Prompt and answer do not fit this tier's context."""

    reason: Reason = "context"


class Unsupported(Refused):
    """The engine cannot do what the request asks for."""


class Unavailable(TierError):
    """This replica cannot serve now."""

    reason: Reason = "5xx"


class Overloaded(Unavailable):
    """Full: 429, 503 with a full queue, or our own bounded queue."""

    reason: Reason = "overloaded"

    def __init__(
        self,
        message: str,
        *,
        status: int | None = None,
        error: dict[str, Any] | None = None,
        retry_after_s: float | None = None,
    ) -> None:
        super().__init__(message, status=status, error=error)
        self.retry_after_s = retry_after_s
        if status == 429:
            self.reason = "429"


class Unreachable(Unavailable):
    """No connection, or it closed before the headers came."""

    reason: Reason = "reset"


class TimedOut(Unavailable):
    """A limit of the tier's `timeouts` passed."""

    reason: Reason = "timeout"

    def __init__(self, message: str, *, phase: Phase) -> None:
        super().__init__(message)
        self.phase = phase


class EngineFailed(Unavailable):
    """5xx, or a 200 whose body is an error."""


class Misconfigured(Unavailable):
    """401, 403 or 404 from the engine: the owner's key or model name is wrong there, not the caller's."""

    reason: Reason = "config"


class Broken(TierError):
    """The answer began and then broke off; what was received so far is not the whole answer."""

    reason: Reason = "stream_cut"
