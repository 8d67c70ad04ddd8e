"""The meter in a running gateway: counters and the figures behind prices are kept, whatever the engines do."""

import logging
import sqlite3

from router.ledger.read import recent
from router.meter import store
from router.meter.meter import Meter
from router.prices import stored
from tests.router.gateway import chat, gateway

UNCACHED = {"x-tiergate-cache": "off"}


async def test_every_price_that_was_billed_at_can_be_told(tmp_path):
    """Also after a reload with other prices: an export of last month needs last month's figures."""
    async with gateway(tmp_path) as running:
        await running.post(chat(model="edge"), headers=UNCACHED)
        running.config.write_text(
            running.config.read_text().replace("price: {input: 1, output: 2}", "price: {input: 3, output: 4}")
        )
        assert (await running.post({}, path="/admin/reload")).status == 200
        await running.post(chat(model="edge"), headers=UNCACHED)
    place = tmp_path / "ledger.db"
    billed = {attempt["price_version"] for row in recent(place, 10) for attempt in row["tried"]}
    prices = stored.read(place)
    assert len(billed) == 2 and billed <= prices.keys()
    assert sorted(str(prices[version].input) for version in billed) == ["1", "3"]


async def test_every_replica_is_metered_from_start_to_end(tmp_path):
    """One piece each, beginning before the first request and ending after the last; tokens unknown where not told."""
    async with gateway(tmp_path) as running:
        await running.post(chat(model="edge"))
    (row,) = recent(tmp_path / "ledger.db", 10)
    pieces = store.read(tmp_path / "ledger.db")
    assert {piece.tier for piece in pieces} == {"edge", "short", "long"}
    assert all(piece.from_ns <= row["started_ns"] and row["ended_ns"] <= piece.until_ns for piece in pieces)


async def test_a_ledger_that_cannot_be_written_stops_nothing(tmp_path, caplog):
    """It is told, and the next reading keeps what this one could not."""
    async with gateway(tmp_path) as running:
        place = tmp_path / "elsewhere.db"
        meter = Meter(lambda: running.services.snapshot, place)
        place.mkdir()
        with caplog.at_level(logging.WARNING):
            await meter.read()
        assert "counters are not kept for now" in caplog.text
        place.rmdir()
        sqlite3.connect(place).close()
        await meter.read()
        assert {piece.tier for piece in store.read(place)} == {"edge", "short", "long"}
