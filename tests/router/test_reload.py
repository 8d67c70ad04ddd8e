"""A reload is all or nothing, and a request keeps the configuration that it began under."""

import asyncio

from router.observe.events import Reloaded
from tests.router.gateway import Running, chat, gateway


def rewrite(running: Running, old: str, new: str) -> None:
    text = running.config.read_text()
    assert old in text
    running.config.write_text(text.replace(old, new))


async def test_a_good_file_is_taken(tmp_path):
    """The new alias is offered at once; tiers that did not change are not opened again."""
    async with gateway(tmp_path) as running:
        before = dict(running.services.snapshot.tiers)
        rewrite(running, "auto: {policy: default}", "auto: {policy: default}\n  gpt-4o: {tier: long}")
        assert (await running.post({}, path="/admin/reload")).json == {"generation": 2}
        assert (await running.post(chat(model="gpt-4o"))).headers["x-tiergate-tier"] == "long"
        assert dict(running.services.snapshot.tiers) == before


async def test_a_bad_file_changes_nothing(tmp_path):
    """It is refused with the line that is wrong, counted, and the last good configuration serves on."""
    async with gateway(tmp_path) as running:
        rewrite(running, "auto: {policy: default}", "auto: {polcy: default}")
        refused = await running.post({}, path="/admin/reload")
        assert refused.status == 400
        assert "polcy" in refused.json["error"]["message"]
        assert running.services.snapshot.generation == 1
        assert (await running.post(chat())).status == 200
        metrics = (await running.get("/metrics")).body.decode()
        assert "tiergate_config_reload_failures_total 1.0" in metrics
        assert "tiergate_config_generation 1.0" in metrics


async def test_a_changed_file_is_noticed(tmp_path):
    """Nobody has to say that the file has changed."""
    async with gateway(tmp_path) as running:
        rewrite(running, "auto: {policy: default}", "auto: {policy: default}\n  mine: {tier: edge}")
        async with asyncio.timeout(10):
            while not running.of(Reloaded):
                await asyncio.sleep(0.05)
        assert (await running.post(chat(model="mine"))).headers["x-tiergate-tier"] == "edge"


async def test_a_tier_that_is_gone_finishes_what_it_has_begun(tmp_path):
    """A stream on a tier that a reload removes comes whole; new requests for it are refused."""
    async with gateway(tmp_path, {"short": {"reply": "word", "tokens": 60, "token_s": 0.01}}) as running:
        streamed = asyncio.create_task(running.post(chat(model="short", stream=True)))
        async with asyncio.timeout(5):
            while not running.fakes["short"][0].running:
                await asyncio.sleep(0.005)
        lines = running.config.read_text().splitlines(keepends=True)
        gone = "".join(lines).replace("  short: {tier: short}\n", "").replace("use: [short, long]", "use: [long]")
        gone = gone.replace("use: [edge, short, long]", "use: [edge, long]").replace(
            "then: [short, long]", "then: [long]"
        )
        gone = gone.replace("candidates: [edge, short, long]", "candidates: [edge, long]")
        start = gone.index("  short: {engine")
        running.config.write_text(gone[:start] + gone[gone.index("  long: {engine") :])
        reloaded = await running.post({}, path="/admin/reload")
        assert reloaded.status == 200, reloaded.body
        assert (await running.post(chat(model="short"))).status == 404
        whole = await streamed
        assert whole.events[-1] == b"[DONE]"
        assert len(whole.text.split()) == 60
