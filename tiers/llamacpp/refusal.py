"""The refusal: why a request cannot be served, in OpenAI's words, on its way from the engine's process to the caller."""

from typing import Any, Literal

from tiers.errors import ContextTooLong, Overloaded, Refused, TierError, Unsupported

RefusalKind = Literal["refused", "context", "unsupported", "overloaded"]


class Refusal(Exception):
    """The request is wrong, too long, unsupported, or one too many; `param` names the field at fault."""

    def __init__(
        self,
        message: str,
        *,
        param: str | None = None,
        code: str | None = None,
        kind: RefusalKind = "refused",
        retry_after_s: float | None = None,
    ) -> None:
        super().__init__(message)
        self.kind = kind
        self.retry_after_s = retry_after_s
        self.error: dict[str, Any] = {
            "message": message,
            "type": "server_error" if kind == "overloaded" else "invalid_request_error",
            "param": param,
            "code": code,
        }

    def message(self) -> list[Any]:
        """What crosses the process boundary; `as_tier_error` reads it."""
        return [self.kind, self.error, self.retry_after_s]


def as_tier_error(message: list[Any]) -> TierError:
    kind, error, retry_after_s = message
    text = error["message"]
    if kind == "overloaded":
        return Overloaded(text, status=503, error=error, retry_after_s=retry_after_s)
    if kind == "context":
        return ContextTooLong(text, status=400, error=error)
    if kind == "unsupported":
        return Unsupported(text, status=400, error=error)
    return Refused(text, status=400, error=error)
