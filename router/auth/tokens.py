"""Tokens of an identity provider (OIDC), in place of keys: verified against its public keys, which are kept."""

import asyncio
import contextlib
import logging
import time
from collections.abc import Callable, Mapping
from typing import Any

import aiohttp
import jwt

from policies.schema_oidc import Oidc
from router.auth.keys import Key, Role

_log = logging.getLogger("tiergate")
_REFRESH_S = 600.0
_AGAIN_S = 10.0  # after a failure, and between two looks for a key that is not known
_TIMEOUT_S = 5.0
_LEEWAY_S = 30
_MOST_KNOWN = 10_000


class Tokens:
    """Verified without waiting for anybody: keys are fetched aside. wall: Unix time in seconds."""

    def __init__(self, settings: Oidc, *, wall: Callable[[], float] = time.time) -> None:
        self._settings = settings
        self._wall = wall
        self._keys: dict[str, jwt.PyJWK] = {}
        self._known: dict[str, tuple[Key, float]] = {}
        self._wanted = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    async def open(self) -> None:
        """Fetch the keys, and go on without where they cannot be had: tokens are refused until they can."""
        await self._fetch()
        self._task = asyncio.create_task(self._run())

    async def close(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    def key(self, token: str) -> Key | None:
        """Who the token is of; None where it proves nothing. A token once verified is known until it expires."""
        known = self._known.get(token)
        if known is not None and self._wall() < known[1]:
            return known[0]
        claims = self._claims(token)
        key = None if claims is None else _key(claims, self._settings)
        if claims is not None and key is not None:
            if len(self._known) >= _MOST_KNOWN:
                self._known.clear()
            self._known[token] = key, float(claims["exp"])
        return key

    def _claims(self, token: str) -> Mapping[str, Any] | None:
        asked = self._settings
        try:
            signer = self._keys.get(jwt.get_unverified_header(token).get("kid", ""))
            if signer is None:
                self._wanted.set()
                return None
            return jwt.decode(
                token, signer, algorithms=list(asked.algorithms), audience=asked.audience, issuer=asked.issuer,
                leeway=_LEEWAY_S, options={"require": ["exp", "iss", "aud", asked.user_claim, asked.team_claim]},
            )  # fmt: skip
        except jwt.PyJWTError:
            return None

    async def _run(self) -> None:
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_REFRESH_S if self._keys else _AGAIN_S):
                    await self._wanted.wait()
            await self._fetch()
            self._known.clear()
            await asyncio.sleep(_AGAIN_S)
            self._wanted.clear()

    async def _fetch(self) -> None:
        try:
            timeout = aiohttp.ClientTimeout(total=_TIMEOUT_S)
            async with aiohttp.ClientSession(timeout=timeout) as session, session.get(self._settings.jwks_url) as reply:
                reply.raise_for_status()
                found = jwt.PyJWKSet.from_dict(await reply.json(content_type=None))
        except (aiohttp.ClientError, jwt.PyJWTError, ValueError, OSError, TimeoutError) as error:
            _log.error("the keys of %s cannot be fetched, those known stay: %s", self._settings.issuer, error)
            return
        self._keys = {key.key_id: key for key in found.keys if key.key_id}


def _key(claims: Mapping[str, Any], settings: Oidc) -> Key | None:
    team, user = claims[settings.team_claim], claims[settings.user_claim]
    if not isinstance(team, str) or not team or not isinstance(user, str):
        return None
    return Key("oidc", team, user, _role(claims.get(settings.role_claim), settings), (), 0)


def _role(held: Any, settings: Oidc) -> Role:
    """admin before read before use: an administrator may also be a reader."""
    roles = {held} if isinstance(held, str) else {role for role in held or () if isinstance(role, str)}
    if roles & set(settings.admin):
        return "admin"
    return "read" if roles & set(settings.read) else "use"
