"""The identity provider of the configuration, where there is one."""

from typing import TYPE_CHECKING

from policies.schema_oidc import Oidc

if TYPE_CHECKING:
    from router.auth.tokens import Tokens


def tokens_of(settings: Oidc) -> "Tokens":
    """Not yet open. Raises ValueError where the extra `oidc` is not installed."""
    try:
        from router.auth.tokens import Tokens
    except ModuleNotFoundError as error:
        raise ValueError("server.oidc needs: pip install 'tiergate[oidc]'") from error
    return Tokens(settings)
