"""The refusal: why a request cannot be served, in OpenAI's words, on its way from the worker to the caller."""

from typing import Any, Literal

from tiers.errors import ContextTooLong, EngineFailed, Refused, TierError, Unsupported

RefusalKind = Literal["refused", "context", "unsupported", "failed"]


class Refusal(Exception):
    """The request is wrong, too long or unsupported; `param` names the field at fault. `failed`: it is our fault."""

    def __init__(
        self,
        message: str,
        *,
        param: str | None = None,
        code: str | None = None,
        kind: RefusalKind = "refused",
    ) -> None:
        super().__init__(message)
        self.kind = kind
        self.error: dict[str, Any] = {
            "message": message,
            "type": "server_error" if kind == "failed" else "invalid_request_error",
            "param": param,
            "code": code,
        }

    def message(self) -> list[Any]:
        """What crosses the process boundary; `as_tier_error` reads it."""
        return [self.kind, self.error]


def as_tier_error(message: list[Any]) -> TierError:
    kind, error = message
    text = error["message"]
    if kind == "failed":
        return EngineFailed(text, status=500, error=error)
    if kind == "context":
        return ContextTooLong(text, status=400, error=error)
    if kind == "unsupported":
        return Unsupported(text, status=400, error=error)
    return Refused(text, status=400, error=error)
