"""Everything that is not an answer of a model: models, explain, health, metrics, keys, administration."""

import re

import pytest

from router.auth.keys import KeyStore
from tests.router.gateway import THREE_TIERS, chat, gateway

KEYED = THREE_TIERS.replace("version: 1\n", "version: 1\nserver: {{auth: keys}}\n")


async def test_health_and_models(tmp_path):
    """Ready while a tier can answer; the models are those of the file and the local embedding."""
    async with gateway(tmp_path) as running:
        assert (await running.get("/health/live")).status == 200
        ready = await running.get("/health/ready")
        assert (ready.status, ready.json["tiers"]) == (200, {"edge": "up", "short": "up", "long": "up"})
        names = [model["id"] for model in (await running.get("/v1/models")).json["data"]]
        assert names == ["auto", "edge", "short", "long", "tiergate-embed"]


async def test_explain_calls_nothing_and_gives_reasons(tmp_path):
    """Every candidate has a verdict and a reason; no engine sees the prompt."""
    async with gateway(tmp_path) as running:
        explained = (await running.post(chat("What is 2 plus 2?"), path="/v1/route/explain")).json
        assert {c["tier"] for c in explained["candidates"]} == {"edge", "short", "long"}
        assert all(c["reason"] for c in explained["candidates"])
        assert explained["tiers"]
        assert explained["predicted"]["output_p90"] >= explained["predicted"]["output_p50"]
        assert not any(engine.seen for engines in running.fakes.values() for engine in engines)


async def test_rules_come_before_the_classifier(tmp_path):
    """A rule's name is the decision, in headers and in explain."""
    async with gateway(tmp_path) as running:
        tagged = {"x-tiergate-tags": "go=straight"}
        reply = await running.post(chat(), headers=tagged)
        assert reply.headers["x-tiergate-decision"] == "straight"
        explained = (await running.post(chat(), path="/v1/route/explain", headers=tagged)).json
        assert (explained["decision"], explained["predicted"]) == ("straight", None)


async def test_metrics_count_what_happened(tmp_path):
    """Counters equal what was asked; what an engine does not report is absent."""
    async with gateway(tmp_path, {"long": {"fail": "503"}}) as running:
        for _ in range(3):
            await running.post(chat(model="short", stream=True), headers={"x-tiergate-cache": "off"})
        await running.post(chat(model="long"))
        text = (await running.get("/metrics")).body.decode()
        served = re.search(
            r'tiergate_requests_total\{model="toy-short",policy="default",status="200",tier="short"\} (\S+)', text
        )
        assert served
        assert float(served[1]) == 3
        assert 'tiergate_tokens_total{kind="output",tier="short"} 9.0' in text
        assert 'status="503"' in text or 'status="502"' in text
        assert "tiergate_kv_cache_usage{" not in text


async def test_keys_open_and_close_the_door(tmp_path):
    """No key, a wrong one and a revoked one get the same answer; roles and models are kept apart."""
    async with gateway(tmp_path, config=KEYED) as running:
        store: KeyStore = running.services.keys
        key, secret = store.create(team="search", models=("auto",))
        _, reader = store.create(team="search", role="read")
        _, admin = store.create(team="ops", role="admin")

        async def ask(secret: str | None, model: str = "auto"):
            headers = {"authorization": f"Bearer {secret}"} if secret else {}
            return await running.post(chat(model=model), headers=headers)

        assert (await ask(secret)).status == 200
        assert (await ask(secret, "long")).status == 403
        assert (await ask(reader)).status == 403
        assert (await running.get("/admin/tiers", {"authorization": f"Bearer {secret}"})).status == 403
        assert (await running.get("/admin/tiers", {"authorization": f"Bearer {admin}"})).status == 200
        assert store.revoke(key.id)
        bodies = {(reply.status, reply.body) for reply in (await ask(None), await ask("tg-wrong"), await ask(secret))}
        assert len(bodies) == 1
        (only,) = bodies
        assert only[0] == 401
        assert (await ask("tg-wrong")).headers["x-should-retry"] == "false"


async def test_draining_sends_nothing_new(tmp_path):
    """A drained replica gets no request until it is undrained."""
    async with gateway(tmp_path) as running:
        name = running.services.snapshot.tiers["short"].replicas[0].name
        drained = await running.post({}, path=f"/admin/replicas/short/{name}/drain")
        assert drained.status == 200
        refused = await running.post(chat(model="short"))
        assert refused.status == 503
        assert refused.headers["retry-after"]
        await running.post({}, path=f"/admin/replicas/short/{name}/undrain")
        assert (await running.post(chat(model="short"))).status == 200
        assert (await running.post({}, path="/admin/replicas/nope/x/drain")).status == 404


@pytest.mark.parametrize("encoding", ["float", "base64"])
async def test_local_embeddings(tmp_path, encoding):
    """Unit vectors of the asked dimensions, counted in tokens, free of charge."""
    async with gateway(tmp_path) as running:
        body = {"model": "tiergate-embed", "input": ["one", "two"], "encoding_format": encoding, "dimensions": 16}
        reply = await running.post(body, path="/v1/embeddings")
        assert (reply.status, len(reply.json["data"])) == (200, 2)
        assert reply.json["usage"]["prompt_tokens"] > 0
        assert reply.headers["x-tiergate-cost-usd"] == "0"
        wrong = await running.post({**body, "dimensions": 100_000}, path="/v1/embeddings")
        assert (wrong.status, wrong.json["error"]["param"]) == (400, "dimensions")


async def test_a_request_s_own_id_is_kept_when_it_is_safe(tmp_path):
    """`x-request-id` is taken over, and replaced where it could break a log line."""
    async with gateway(tmp_path) as running:
        kept = await running.post(chat(), headers={"x-request-id": "trace-42"})
        assert kept.headers["x-request-id"] == "trace-42"
        replaced = await running.post(chat(), headers={"x-request-id": "a b{c}"})
        assert replaced.headers["x-request-id"].startswith("req-")
