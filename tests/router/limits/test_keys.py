"""What a key was made with, seen from the caller's side."""

import pytest

from router.cli.main import main
from router.limits.rules import Own
from router.observe.events import KeyRefused
from tests.router.gateway import chat, gateway
from tests.router.limits.test_requests import CONFIG, LONG_TEN, PRICED, ten

WITH_KEYS = CONFIG.replace("version: 1", "version: 1\nserver: {{auth: keys}}")


def bearer(secret: str) -> dict[str, str]:
    return {"authorization": f"Bearer {secret}"}


async def test_a_keys_own_limits_hold_for_it_alone(tmp_path):
    """Its budget and its requests a minute are counted by its id, and another key of the team has none."""
    async with gateway(tmp_path, {"long": {"tokens": 10}}, config=WITH_KEYS) as running:
        keys = running.services.keys
        key, spending = keys.create(team="a", own=Own(budget_nusd=LONG_TEN + 1))
        _, asking = keys.create(team="a", own=Own(rpm=1))
        _, free = keys.create(team="a")
        statuses = {
            secret: [(await running.post(ten(f"{n}"), headers=bearer(secret))).status for n in range(2)]
            for secret in (spending, asking, free)
        }
        assert statuses == {spending: [200, 429], asking: [200, 429], free: [200, 200]}
        (state,) = running.services.limits.states()
        assert (state.scope, state.spent) == (f"key:{key.id}", LONG_TEN)


async def test_a_key_is_kept_to_its_tiers(tmp_path):
    """Other tiers are never tried for it, pinned ones are refused with 403."""
    async with gateway(tmp_path, config=WITH_KEYS) as running:
        _, secret = running.services.keys.create(team="a", tiers=["short", "edge"])
        routed = await running.post(chat(model="auto"), headers={**PRICED, **bearer(secret)})
        pinned = await running.post(ten(), headers=bearer(secret))
        assert (routed.status, routed.headers["x-tiergate-tier"]) == (200, "short")
        assert (pinned.status, pinned.json["error"]["code"]) == (403, "not_allowed")


async def test_all_refused_keys_are_told_the_same(tmp_path):
    """No key, a wrong, a revoked and a foreign one: one status, one body, and the log alone knows which."""
    async with gateway(tmp_path, config=WITH_KEYS) as running:
        keys = running.services.keys
        (one, secret), (gone, revoked) = keys.create(team="a"), keys.create(team="b")
        keys.revoke(gone.id)
        shown = [{}, bearer(f"tg-{one.id}-guess"), bearer(revoked), bearer("sk-foreign")]
        replies = [await running.post(chat(), headers=headers) for headers in shown]
        assert {(reply.status, reply.body, reply.headers["x-should-retry"]) for reply in replies} == {
            (401, replies[0].body, "false")
        }
        told = [(event.why, event.key_id) for event in running.of(KeyRefused)]
        assert told == [("none", ""), ("wrong", one.id), ("revoked", gone.id), ("unknown", "")]
        assert (await running.post(chat(model="edge"), headers=bearer(secret))).status == 200


@pytest.mark.parametrize("written", ["25EUR/month", "USD/day", "0USD/day", "25USD", "1USD/year", "99999999USD/day"])
def test_a_budget_that_cannot_be_read_is_told(written, capsys, monkeypatch, tmp_path):
    """One line with an example; no key is made."""
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as ended:
        main(["keys", "create", "--team", "a", "--budget", written])
    assert ended.value.code == 2
    assert "such as 25USD/month" in capsys.readouterr().err
    assert not (tmp_path / "var").exists()


def test_a_key_is_made_listed_and_rotated_on_the_command_line(capsys, monkeypatch, tmp_path):
    """The secret is shown once each time, the list shows limits and never a secret."""
    monkeypatch.chdir(tmp_path)
    main_ok(["keys", "create", "--team", "a", "--budget", "2.5USD/week", "--rpm", "60", "--tiers", "edge"])
    secret = capsys.readouterr().out.splitlines()[0]
    key_id = secret.split("-")[1]
    main_ok(["keys", "rotate", key_id, "--overlap", "1"])
    assert capsys.readouterr().out.startswith(f"tg-{key_id}-")
    main_ok(["keys", "list"])
    listed = capsys.readouterr().out
    assert "2.5 USD/week, 60 rpm" in listed and "two secrets" in listed and secret not in listed


def main_ok(arguments: list[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code == 0
