"""Feedback: stored once it is known whose request it was, and never text."""

import asyncio

import pytest

from router.feedback import judged
from tests.router.gateway import THREE_TIERS, chat, gateway

PATH = "/v1/feedback"
KEYED = THREE_TIERS.replace("version: 1\n", "version: 1\nserver: {{auth: keys}}\n")


async def written(running):
    """Waits until the ledger has every row."""
    while running.services.ledger.lag_s() > 0.0:
        await asyncio.sleep(0)


async def test_the_last_score_of_a_request_counts(tmp_path):
    """Both scores are kept; what learns reads the last, with the tier that answered."""
    async with gateway(tmp_path) as running:
        answered = await running.post(chat(model="short"))
        await written(running)
        told = {"request_id": answered.headers["x-request-id"]}
        for score in (0, 0.75):
            assert (await running.post({**told, "score": score}, path=PATH)).status == 204
        (found,) = judged(running.services.ledger.path)
        assert (found.request_id, found.tier, found.score) == (told["request_id"], "short", 0.75)


async def test_nobody_judges_the_requests_of_another_team(tmp_path):
    """Of another team's request one learns no more than of one that never was; an administrator may score all."""
    async with gateway(tmp_path, config=KEYED) as running:
        store = running.services.keys
        keys = {team: store.create(team=team, role=role)[1] for team, role in TEAMS}

        def headers(team):
            return {"authorization": f"Bearer {keys[team]}"}

        answered = await running.post(chat(), headers=headers("search"))
        await written(running)
        told = {"request_id": answered.headers["x-request-id"], "score": 1}
        assert (await running.post(told, path=PATH)).status == 401
        unknown = await running.post({**told, "request_id": "never"}, path=PATH, headers=headers("other"))
        foreign = await running.post(told, path=PATH, headers=headers("other"))
        assert (foreign.status, foreign.json["error"]["code"]) == (404, "not_found")
        assert unknown.status == 404
        assert (await running.post(told, path=PATH, headers=headers("search"))).status == 204
        assert (await running.post(told, path=PATH, headers=headers("ops"))).status == 204


TEAMS = (("search", "use"), ("other", "use"), ("ops", "admin"))


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({"score": 1}, "request_id"),
        ({"request_id": "a", "score": 1.5}, "score"),
        ({"request_id": "a", "score": True}, "score"),
        ({"request_id": "a"}, "score"),
    ],
)
async def test_what_is_no_score_is_refused(tmp_path, body, param):
    """The field at fault is named."""
    async with gateway(tmp_path) as running:
        refused = await running.post(body, path=PATH)
        assert (refused.status, refused.json["error"]["param"]) == (400, param)


async def test_a_ledger_without_feedback_has_none(tmp_path):
    """Nobody has judged anything yet."""
    async with gateway(tmp_path) as running:
        assert judged(running.services.ledger.path) == ()
