"""Tokens of an identity provider, in the configuration file."""

from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field

from policies.problems import mistake
from policies.schema_base import Settings


def _address(url: str) -> str:
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise mistake(f"'{url}'", "an address such as https://id.example.org/keys")
    return url


Algorithm = Literal["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"]
ClaimName = Annotated[str, Field(min_length=1, max_length=128)]


class Oidc(Settings):
    """JSON Web Tokens (JWT) that are accepted in place of a key; needs the extra `oidc`. Read at the start."""

    issuer: Annotated[str, Field(min_length=1)] = Field(description="What a token's `iss` must be.")
    audience: Annotated[str, Field(min_length=1)] = Field(description="What a token's `aud` must hold.")
    jwks_url: Annotated[str, AfterValidator(_address)] = Field(
        description="Where the provider's public keys (JWKS) are; kept, and fetched again every ten minutes."
    )
    algorithms: Annotated[tuple[Algorithm, ...], Field(min_length=1)] = Field(
        default=("RS256", "ES256"), description="Signatures that are accepted."
    )
    team_claim: ClaimName = Field(
        default="team", description="Claim that names the team; a token without it is refused."
    )
    user_claim: ClaimName = Field(default="sub", description="Claim that names the user.")
    role_claim: ClaimName = Field(default="roles", description="Claim that holds one role or a list of them.")
    admin: tuple[str, ...] = Field(default=(), description="Values of `role_claim` that make an administrator.")
    read: tuple[str, ...] = Field(
        default=(), description="Values that may read the pages but send no requests; everybody else may send them."
    )
