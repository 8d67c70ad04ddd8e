"""The watch on a running gateway: from traffic to a message, and over a restart."""

import asyncio
import json

from tests.alerts.test_send import receiver
from tests.router.gateway import THREE_TIERS, chat, gateway

UNPRICED = THREE_TIERS.replace(", price: {{input: 10, output: 20}}", "")


async def test_an_unknown_price_is_told_once_also_over_a_restart(tmp_path):
    """Traffic on a tier without a price fires at the next look and is posted; a new gateway says nothing again."""
    async with receiver([]) as (url, got):
        more = f'alerts: {{every_s: 3600, webhook: {{url: "{url}", secret: x}}}}'
        async with gateway(tmp_path, config=UNPRICED, more=more) as running:
            await running.post(chat(model="short"))
            await running.services.ledger.flush()
            await running.services.alerts.look()
            _, body = await asyncio.wait_for(got.get(), 5)
            assert json.loads(body)["alert"]["id"] == "unknown-price:short toy-short"
            page = (await running.get("/dashboard/alerts")).body.decode()
            assert "have no known price" in page
            assert await running.services.alerts.look() == []
        async with gateway(tmp_path, config=UNPRICED, more=more) as running:
            assert await running.services.alerts.look() == []
            assert [a.phase for a in running.services.alerts.board.alerts] == ["firing"]
        assert got.empty()


async def test_a_refused_file_is_told_until_a_good_one_comes(tmp_path):
    """The stale configuration fires, and is not seen any more after the next good one."""
    async with gateway(tmp_path, more="alerts: {every_s: 3600}") as running:
        good = running.config.read_text()
        await running.services.alerts.look()
        running.config.write_text("tiers: nonsense")
        assert (await running.post({}, path="/admin/reload")).status == 400
        told = await running.services.alerts.look()
        assert [alert.reading.rule for alert in told] == ["stale-config"]
        running.config.write_text(good)
        assert (await running.post({}, path="/admin/reload")).status == 200
        await running.services.alerts.look()
        (stale,) = [a for a in running.services.alerts.board.alerts if a.reading.rule == "stale-config"]
        assert stale.seen == told[0].seen


async def test_alerts_can_be_switched_off(tmp_path):
    """Nothing is looked at, and the page says so."""
    async with gateway(tmp_path, config=UNPRICED, more="alerts: {enabled: false}") as running:
        await running.post(chat(model="short"))
        await running.services.ledger.flush()
        assert await running.services.alerts.look() == []
        assert "alerts.enabled" in (await running.get("/dashboard/alerts")).body.decode()
