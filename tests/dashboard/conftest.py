"""A gateway with keys and a little traffic of two teams."""

from contextlib import asynccontextmanager

import pytest

from router.auth.keys import KeyStore
from tests.router.gateway import THREE_TIERS, chat, gateway

KEYED = THREE_TIERS.replace("version: 1\n", "version: 1\nserver: {{auth: keys}}\n")


@pytest.fixture
def visited(tmp_path):
    """Opens a gateway where `ours` and `theirs` have asked; yields it and a key's secret for each kind of viewer."""

    @asynccontextmanager
    async def open_(more=""):
        async with gateway(tmp_path, config=KEYED, more=more) as running:
            store: KeyStore = running.services.keys
            secrets = {
                "admin": store.create(team="ops", role="admin")[1],
                "everyone": store.create(team="*", role="read")[1],
                "ours": store.create(team="ours", role="read")[1],
                "use": store.create(team="ours", role="use")[1],
            }
            theirs = store.create(team="theirs-secretly", user="them", role="use")[1]
            for secret in (secrets["use"], theirs):
                for model in ("auto", "short", "long"):
                    headers = {"authorization": f"Bearer {secret}", "x-tiergate-tags": "workload=chat"}
                    reply = await running.post(chat(model=model), headers=headers)
                    assert reply.status == 200
            await running.services.ledger.flush()
            yield running, secrets

    return open_
