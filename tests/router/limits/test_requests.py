"""Budgets and rate limits, seen from the caller's side."""

import asyncio

import pytest

from router.limits.hold import STEP_TOKENS
from router.observe.events import LimitReached, RequestEnded
from tests.router.gateway import Running, chat, gateway

CONFIG = """
version: 1
state: {{ledger: "sqlite:///{folder}/ledger.db"}}
tiers:
  edge: {{engine: llama.cpp, model: toy-edge, context: 2048, price: {{input: 0, output: 0}},
          limits: {{max_inflight: 1000}}}}
  short: {{engine: openai, model: toy-short, context: 8192, price: {{input: 0, output: 100}},
           limits: {{max_inflight: 1000}}, replicas: [{{url: "http://127.0.0.1:9/v1"}}]}}
  long: {{engine: openai, model: toy-long, context: 8192, price: {{input: 0, output: 1000}},
          limits: {{max_inflight: 1000}}, replicas: [{{url: "http://127.0.0.1:9/v1"}}]}}
models:
  auto: {{policy: default}}
  edge: {{tier: edge}}
  long: {{tier: long}}
policies:
  default:
    rules:
      - {{name: free-first, when: {{tag.go: free}}, use: [edge, long], fallback: false}}
      - {{name: dear-first, when: {{tag.go: dear}}, use: [long, short, edge]}}
      - {{name: priced, when: {{tag.go: priced}}, use: [long, short], fallback: false}}
    cache: {{exact: true, ttl_s: 60}}
{more}
"""
LONG_TEN = 10_000_000  # nano-dollars of ten output tokens of `long`
FREE = {"x-tiergate-tags": "go=free"}
DEAR = {"x-tiergate-tags": "go=dear"}
PRICED = {"x-tiergate-tags": "go=priced"}


def budget(usd: float, scope: str = "org", **more: object) -> str:
    rest = "".join(f", {name}: {value}" for name, value in more.items())
    return f'budgets: [{{scope: "{scope}", limit_usd: {usd}{rest}}}]\n'


def ten(text: str = "hello", model: str = "long", **fields: object) -> dict:
    return chat(text, model=model, max_tokens=10, **fields)


def served(more: str, tmp_path, **fakes: dict):
    return gateway(tmp_path, {"edge": {"tokens": 10}, "short": {"tokens": 10}, "long": {"tokens": 10}} | fakes,
                   config=CONFIG, more=more)  # fmt: skip


def state(running: Running):
    (found,) = running.services.limits.states()
    return found


async def test_a_spent_budget_refuses_and_says_which(tmp_path):
    """429 `insufficient_quota` names scope and end of period, tells the SDK not to retry, and costs nothing."""
    async with served(budget(0.025), tmp_path) as running:
        replies = [await running.post(ten(f"question {n}")) for n in range(3)]
        assert [reply.status for reply in replies] == [200, 200, 429]
        refused = replies[2]
        assert refused.json["error"]["code"] == refused.json["error"]["type"] == "insufficient_quota"
        assert "monthly budget of org" in refused.json["error"]["message"]
        assert refused.headers["x-should-retry"] == "false"
        assert refused.headers["x-tiergate-attempts"] == "0"
        assert (state(running).spent, state(running).reserved) == (2 * LONG_TEN, 0)
        assert [(e.what, e.scope, e.action) for e in running.of(LimitReached)] == [("budget", "org", "reject")]
        assert running.of(RequestEnded)[-1].row.status == 429


@pytest.mark.parametrize("stream", [False, True])
async def test_five_hundred_at_once_do_not_overrun_a_budget_for_twenty(tmp_path, stream):
    """Reservations hold under concurrency: twenty are served, the others refused, and not a nano-dollar is overrun."""
    async with served(budget(0.2), tmp_path) as running:
        asked = [running.post(ten(f"question {n}", stream=stream)) for n in range(500)]
        statuses = [reply.status for reply in await asyncio.gather(*asked)]
        assert (statuses.count(200), statuses.count(429)) == (20, 480)
        assert state(running).spent == 20 * LONG_TEN


async def test_a_free_tier_with_a_paid_fallback_does_not_evade_a_budget(tmp_path):
    """Every attempt is reserved by itself: where the free tier fails, the paid one is held to the budget."""
    async with served(budget(0.2), tmp_path, edge={"fail": "503"}) as running:
        asked = [running.post(ten(f"question {n}", model="auto"), headers=FREE) for n in range(500)]
        statuses = [reply.status for reply in await asyncio.gather(*asked)]
        assert statuses.count(200) == 20 and statuses.count(429) == 480
        assert state(running).spent == 20 * LONG_TEN


@pytest.mark.parametrize("stream", [False, True])
async def test_an_answer_that_outgrows_its_prediction_is_extended_or_ended(tmp_path, stream):
    """Beyond the reserved P90 an answer grows by increments; where the budget ends it is cut within one of them."""
    reserved, left = 256, 100  # tokens: without a prediction 256 are reserved
    limit = (reserved + left) * 1_000_000
    async with served(budget(limit / 1e9), tmp_path, long={"tokens": 5_000}) as running:
        reply = await running.post(chat(model="long", stream=stream))
        assert (reply.status, running.of(RequestEnded)[-1].row.status) == (200 if stream else 429, 429)
        error = reply.chunks[-1]["error"] if stream else reply.json["error"]
        assert error["code"] == "insufficient_quota"
        assert not stream or b"[DONE]" not in reply.events
        assert reserved * 1_000_000 < state(running).spent <= limit + STEP_TOKENS * 1_000_000
        assert running.fakes["long"][0].running == 0


async def test_what_was_reserved_is_given_back(tmp_path):
    """A failed attempt, one whose caller left and one that came short hold nothing any more."""
    async with served(budget(1), tmp_path, short={"fail": "503"}, long={"tokens": 2_000, "token_s": 0.01}) as running:
        async with running.client.post(
            running.url + "/v1/chat/completions", json=chat(model="long", stream=True)
        ) as reply:
            await reply.content.readany()
            assert state(running).reserved > 0
        while not running.of(RequestEnded):
            await asyncio.sleep(0.01)
        now = state(running)
        assert now.reserved == 0 and 0 < now.spent < LONG_TEN * 20


async def test_a_downgrade_goes_to_cheaper_tiers_and_at_last_to_the_cheapest(tmp_path):
    """What fits is used; where nothing fits the cheapest tier goes on, and the event is told once."""
    async with served(budget(0.0105, on_exceed="downgrade"), tmp_path) as running:
        told = [await running.post(ten(f"{n}", model="auto"), headers=PRICED) for n in range(4)]
        assert [reply.headers.get("x-tiergate-tier") for reply in told] == ["long", "short", "short", "short"]
        pinned = await running.post(ten())
        assert (pinned.status, pinned.json["error"]["code"]) == (429, "insufficient_quota")
        actions = [event.action for event in running.of(LimitReached)]
        assert actions == ["downgrade", "reject"]


async def test_a_warning_refuses_nothing(tmp_path):
    """Over a `warn` budget requests go on; the event comes once, and the metric is below 0."""
    async with served(budget(0.015, on_exceed="warn"), tmp_path) as running:
        assert {(await running.post(ten(f"{n}"))).status for n in range(4)} == {200}
        assert [event.action for event in running.of(LimitReached)] == ["warn"]
        metrics = (await running.get("/metrics")).body.decode()
        assert 'tiergate_budget_remaining_usd{period="month",scope="org"} -0.025' in metrics
        assert state(running).state == "exceeded"


async def test_a_restart_forgets_nothing(tmp_path):
    """What the ledger holds of the period is spent when the gateway starts again."""
    async with served(budget(0.025), tmp_path) as running:
        assert (await running.post(ten())).status == 200
    async with served(budget(0.025), tmp_path) as running:
        assert state(running).spent == LONG_TEN
        assert [(await running.post(ten(f"again {n}"))).status for n in range(2)] == [200, 429]


async def test_teams_have_budgets_of_their_own(tmp_path):
    """One team's spending refuses nobody else, and no refusal names another's."""
    async with served(budget(0.01, "team:*"), tmp_path) as running:
        a, b = {"x-tiergate-tags": "team=a"}, {"x-tiergate-tags": "team=b"}
        assert [(await running.post(ten(f"{n}"), headers=a)).status for n in range(2)] == [200, 429]
        assert (await running.post(ten(), headers=b)).status == 200
        refused = await running.post(ten("more"), headers=b)
        assert "team:b" in refused.json["error"]["message"] and "team:a" not in refused.body.decode()
        assert {found.scope for found in running.services.limits.states()} == {"team:a", "team:b"}


async def test_tokens_can_be_budgeted_too(tmp_path):
    """A budget in tokens counts prompt and answer, also of tiers that cost nothing."""
    async with served('budgets: [{scope: "tag:job=x", limit_tokens: 45}]', tmp_path) as running:
        job = {"x-tiergate-tags": "job=x"}
        statuses = [(await running.post(ten(f"{n}", model="edge"), headers=job)).status for n in range(4)]
        assert statuses[0] == 200 and statuses[-1] == 429
        assert (await running.post(ten("other", model="edge"))).status == 200


async def test_a_tier_without_a_price_cannot_be_held_by_a_budget_in_usd(tmp_path):
    """An unknown price is never 0: a `reject` budget bars the tier and says why, `warn` counts it as unpriced."""
    unpriced = CONFIG.replace("price: {{input: 0, output: 1000}},", "")
    async with gateway(tmp_path, config=unpriced, more=budget(5)) as running:
        refused = await running.post(ten())
        assert (refused.status, refused.json["error"]["code"]) == (429, "insufficient_quota")
        explained = await running.post(ten(), path="/v1/route/explain")
        assert "insufficient_quota" in explained.body.decode()
    (tmp_path / "ledger.db").unlink()
    async with gateway(tmp_path, config=unpriced, more=budget(5, on_exceed="warn")) as running:
        assert (await running.post(ten())).status == 200
        assert (state(running).spent, state(running).unpriced) == (0, 1)


async def test_a_cached_answer_costs_a_request_and_no_money(tmp_path):
    """A hit is served when the budget is spent, and counts against requests a minute but not against tokens."""
    more = budget(0.01) + "limits: [{scope: org, rpm: 100, tpm: 10000}]\n"
    async with served(more, tmp_path) as running:
        first = await running.post(ten())
        again = await running.post(ten())
        assert (first.headers["x-tiergate-cache"], again.headers["x-tiergate-cache"]) == ("miss", "hit")
        assert again.headers["x-ratelimit-remaining-requests"] == "98"
        third = await running.post(ten("other"))
        assert third.status == 429 and third.headers["x-ratelimit-remaining-requests"] == "97"
        assert int(third.headers["x-ratelimit-remaining-tokens"]) > 9_950


async def test_a_rate_limit_refuses_with_openais_headers(tmp_path):
    """429 `rate_limit_exceeded` with `retry-after`; every answer tells what is left."""
    async with served('limits: [{scope: "team:*", rpm: 2}]', tmp_path) as running:
        a = {"x-tiergate-tags": "team=a"}
        one, two, three = [await running.post(ten(f"{n}"), headers=a) for n in range(3)]
        assert [r.headers["x-ratelimit-remaining-requests"] for r in (one, two, three)] == ["1", "0", "0"]
        assert one.headers["x-ratelimit-limit-requests"] == "2" and one.headers["x-ratelimit-reset-requests"][-1] == "s"
        assert (three.status, three.json["error"]["code"]) == (429, "rate_limit_exceeded")
        assert 1 <= int(three.headers["retry-after"]) <= 30
        assert (await running.post(ten(), headers={"x-tiergate-tags": "team=b"})).status == 200


async def test_a_request_larger_than_a_minutes_tokens_is_told_so(tmp_path):
    """Waiting cannot help, so the SDK is told not to retry."""
    async with served("limits: [{scope: org, tpm: 50}]", tmp_path) as running:
        reply = await running.post(chat("word " * 400, model="edge"))
        assert reply.status == 429 and reply.headers["x-should-retry"] == "false"


async def test_without_budgets_and_limits_nothing_is_told_or_done(tmp_path):
    """No header, no state."""
    async with served("", tmp_path) as running:
        reply = await running.post(ten())
        assert not [name for name in reply.headers if name.startswith("x-ratelimit")]
        assert running.services.limits.states() == ()


async def test_a_budget_that_a_reload_brings_begins_with_what_was_spent(tmp_path):
    """What the ledger says of the period counts at once, and is counted once."""
    async with served("", tmp_path) as running:
        assert [(await running.post(ten(f"{n}"))).status for n in range(2)] == [200, 200]
        for more in (budget(0.035), budget(0.035) + "limits: [{scope: org, rpm: 1000}]\n"):
            running.config.write_text(CONFIG.format(folder=tmp_path, more=more))
            assert (await running.post({}, path="/admin/reload")).status == 200
            while not state(running).spent:
                await asyncio.sleep(0.01)
        assert state(running).spent == 2 * LONG_TEN
        assert [(await running.post(ten(f"after {n}"))).status for n in range(2)] == [200, 429]


async def test_a_key_may_not_be_charged_with_another_teams_budget(tmp_path):
    """With keys, the team is the key's: a tag that names another team changes nothing."""
    keyed = CONFIG.replace("version: 1", "version: 1\nserver: {{auth: keys}}")
    async with gateway(tmp_path, {"long": {"tokens": 10}}, config=keyed, more=budget(0.015, "team:*")) as running:
        _, secret = running.services.keys.create(team="a")
        headers = {"authorization": f"Bearer {secret}", "x-tiergate-tags": "team=b"}
        assert [(await running.post(ten(f"{n}"), headers=headers)).status for n in range(2)] == [200, 429]
        assert {found.scope for found in running.services.limits.states()} == {"team:a"}
