"""Tokens of an identity provider."""

import time
from contextlib import asynccontextmanager
from types import SimpleNamespace

import jwt
import pytest
from aiohttp import web
from cryptography.hazmat.primitives.asymmetric import ec

from policies.schema_oidc import Oidc
from router.auth.keys import KeyStore
from router.auth.tokens import Tokens

NOW = int(time.time())
CLAIMS = {"iss": "https://id", "aud": "tiergate", "exp": NOW + 600, "sub": "ada", "team": "search"}


@asynccontextmanager
async def provider():
    """An identity provider with one signing key; `url` is of its public keys."""
    made = SimpleNamespace(key=ec.generate_private_key(ec.SECP256R1()), kid="one", fetched=0, url="")

    async def keys(_):
        made.fetched += 1
        public = jwt.algorithms.ECAlgorithm.to_jwk(made.key.public_key(), as_dict=True)
        return web.json_response({"keys": [{**public, "kid": made.kid, "alg": "ES256", "use": "sig"}]})

    app = web.Application()
    app.router.add_get("/keys", keys)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    made.url = f"http://127.0.0.1:{site._server.sockets[0].getsockname()[1]}/keys"
    try:
        yield made
    finally:
        await runner.cleanup()


@asynccontextmanager
async def tokens(url: str, **asked):
    opened = Tokens(Oidc(issuer="https://id", audience="tiergate", jwks_url=url, **asked))
    await opened.open()
    try:
        yield opened
    finally:
        await opened.close()


def signed(made, kid: str = "one", **changes) -> str:
    claims = {name: value for name, value in {**CLAIMS, **changes}.items() if value is not None}
    return jwt.encode(claims, made.key, algorithm="ES256", headers={"kid": kid})


@pytest.mark.parametrize(
    ("roles", "role"),
    [(None, "use"), ("ops", "admin"), (["x", "finance"], "read"), (["finance", "ops"], "admin"), ({"a": 1}, "use")],
)
async def test_a_token_proves_team_user_and_role(roles, role):
    """Claims become what a key would say, as the configuration maps them; keys are fetched once for all tokens."""
    async with provider() as made, tokens(made.url, admin=("ops",), read=("finance",)) as known:
        keys = [known.key(signed(made, roles=roles)) for _ in range(3)]
        assert {(key.team, key.user, key.role) for key in keys} == {("search", "ada", role)}
        assert made.fetched == 1


async def test_nothing_else_proves_anything():
    """Expired, for others, by others, unsigned, signed with another key or algorithm, or without team or user."""
    async with provider() as made, provider() as other, tokens(made.url) as known:
        wrong = [
            signed(made, exp=NOW - 100), signed(made, aud="other"), signed(made, iss="https://other"),
            signed(made, team=None), signed(made, team=""), signed(made, team=["a"]), signed(made, exp=None),
            signed(other), signed(made, kid="two"), jwt.encode(CLAIMS, None, algorithm="none", headers={"kid": "one"}),
            jwt.encode(CLAIMS, "x" * 32, algorithm="HS256", headers={"kid": "one"}), "a.b.c", "..",
        ]  # fmt: skip
        assert [known.key(token) for token in wrong] == [None] * len(wrong)


async def test_a_provider_that_is_away_stops_nothing():
    """The gateway starts without the keys, and refuses tokens."""
    async with provider() as made, tokens("http://127.0.0.1:9/keys") as known:
        assert known.key(signed(made)) is None


async def test_tokens_and_keys_stand_side_by_side(tmp_path):
    """The same header takes both, and a refused token is told like a refused key."""
    told = []
    async with provider() as made, tokens(made.url) as known:
        store = KeyStore.open(tmp_path / "ledger.db", environ={"TIERGATE_PEPPER": "p"})
        try:
            store.accept(known.key)
            store.listen(lambda *refusal: told.append(refusal))
            _, secret = store.create(team="a")
            assert store.verify(f"Bearer {secret}").team == "a"
            assert store.verify(f"Bearer {signed(made)}").team == "search"
            assert store.verify(f"Bearer {signed(made, aud='x')}") is None
        finally:
            store.close()
    assert told == [("wrong", "oidc")]
