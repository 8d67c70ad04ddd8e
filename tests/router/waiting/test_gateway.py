"""Admission, seen by callers: a full tier is passed by, waited for, or refused with the time to come again."""

import asyncio
from contextlib import asynccontextmanager

from router.ledger.read import recent
from router.observe.events import AttemptBegan, FellBack, RequestEnded, Waited
from tests.router.gateway import chat, gateway

CONFIG = """
version: 1
state: {{ledger: "sqlite:///{folder}/ledger.db"}}
tiers:
  short: {{engine: openai, model: m, price: {{input: 1, output: 2}}, replicas: [{{url: "http://127.0.0.1:9/v1"}}],
          limits: {{max_inflight: 1, max_queue: 3}}}}
  long: {{engine: openai, model: l, price: {{input: 9, output: 9}}, replicas: [{{url: "http://127.0.0.1:9/v1"}}],
         limits: {{max_inflight: 1, max_queue: 3}}}}
models: {{auto: {{policy: default}}, short: {{tier: short}}}}
policies:
  default:
    rules:
      - {{name: batch, when: {{tag.workload: batch}}, use: [short], fallback: false, priority: low}}
      - {{name: chat, when: {{tag.workload: chat}}, use: [short], fallback: false, priority: high}}
      - {{name: rest, use: [short, long]}}
    {more}
"""


class Gate:
    """Fakes pause here until the test lets one go on."""

    def __init__(self):
        self.held = []

    async def __call__(self, _seconds):
        passing = asyncio.get_running_loop().create_future()
        self.held.append(passing)
        await passing

    async def holds(self, count):
        while len([one for one in self.held if not one.done()]) < count:
            await asyncio.sleep(0)

    async def release(self):
        await self.holds(1)
        next(one for one in self.held if not one.done()).set_result(None)


@asynccontextmanager
async def held(folder, more=""):
    """(the gateway, its tiers, the gate that its fakes are held at)."""
    gate = Gate()
    async with gateway(folder, config=CONFIG, more=more, sleep=gate) as running:
        yield running, running.services.snapshot.tiers, gate


def asks(running, model="auto", **tags):
    headers = {"x-tiergate-tags": ",".join(f"{name}={value}" for name, value in tags.items())} if tags else {}
    return asyncio.create_task(running.post(chat(model=model), headers=headers))


async def queued(tier, count):
    while tier.queued != count:
        await asyncio.sleep(0)


async def test_a_request_waits_for_a_full_tier_and_is_answered(tmp_path):
    """One attempt, no fallback, and the wait is no overhead of ours."""
    async with held(tmp_path) as (running, tiers, gate):
        first = asks(running, "short")
        await gate.holds(1)
        second = asks(running, "short")
        await queued(tiers["short"], 1)
        assert b'tiergate_queue_depth{replica="",tier="short"} 1.0' in (await running.get("/metrics")).body
        await gate.release()
        await gate.release()
        for reply in (await first, await second):
            assert (reply.status, reply.headers["x-tiergate-attempts"]) == (200, "1")
        (waited,) = running.of(Waited)
        assert (waited.tier, waited.outcome) == ("short", "served")
        assert not running.of(FellBack)
        row = running.of(RequestEnded)[-1].row
        assert row.overhead_ns < row.ended_ns - row.started_ns - waited.seconds * 1e9 + 1e6


async def test_another_candidate_comes_before_waiting(tmp_path):
    """A full first tier is passed by while the second has room; only then does one wait, for either."""
    async with held(tmp_path) as (running, tiers, gate):
        tasks = [asks(running), asks(running)]
        await gate.holds(2)
        assert (tiers["short"].inflight, tiers["long"].inflight) == (1, 1)
        third = asks(running)
        await queued(tiers["short"], 1)
        for _ in range(3):
            await gate.release()
        assert [reply.status for reply in await asyncio.gather(*tasks, third)] == [200] * 3


async def test_a_rule_says_who_goes_first(tmp_path):
    """Chat overtakes batch work that came before it."""
    async with held(tmp_path) as (running, tiers, gate):
        tasks = [asks(running, workload="batch")]
        await gate.holds(1)
        for place, workload in enumerate(("batch", "chat"), start=1):
            tasks.append(asks(running, workload=workload))
            await queued(tiers["short"], place)
        for _ in range(3):
            await gate.release()
        await asyncio.gather(*tasks)
        order = [event.reservation.request_id for event in running.of(AttemptBegan)]
        ids = [(await task).headers["x-request-id"] for task in tasks]
        assert order == [ids[0], ids[2], ids[1]]


async def test_a_full_queue_is_refused_at_once_with_the_time_to_come_again(tmp_path):
    """503 `overloaded` and `retry-after`; the message names the setting."""
    async with held(tmp_path) as (running, tiers, gate):
        tasks = [asks(running, "short") for _ in range(4)]
        await queued(tiers["short"], 3)
        refused = await running.post(chat(model="short"))
        assert (refused.status, refused.json["error"]["code"]) == (503, "overloaded")
        assert "limits.max_queue" in refused.json["error"]["message"]
        assert int(refused.headers["retry-after"]) >= 1
        for _ in tasks:
            await gate.release()
        assert {reply.status for reply in await asyncio.gather(*tasks)} == {200}


async def test_a_caller_that_leaves_the_queue_was_never_sent_anywhere(tmp_path):
    """Its place in the line is free at once; the ledger has a request without an attempt."""
    async with held(tmp_path) as (running, tiers, gate):
        first = asks(running, "short")
        await gate.holds(1)
        leaving = asks(running, "short")
        await queued(tiers["short"], 1)
        leaving.cancel()
        await queued(tiers["short"], 0)
        await gate.release()
        assert (await first).status == 200
        while len(running.of(RequestEnded)) < 2:
            await asyncio.sleep(0)
        await running.services.ledger.flush()
        rows = recent(running.config.parent / "ledger.db", 5)
        assert sorted((row["status"], len(row["tried"])) for row in rows) == [(200, 1), (499, 0)]


async def test_a_drained_tier_is_not_waited_for(tmp_path):
    """Nothing would come free there."""
    async with held(tmp_path) as (running, tiers, _):
        tiers["short"].drain("127.0.0.1:9")
        reply = await running.post(chat(model="short"))
        assert (reply.status, reply.json["error"]["code"]) == (503, "overloaded")


NO_RETRIES = CONFIG.replace("{more}", "fallback: {{retry_budget: {{share: 0, min_per_s: 0}}}}")


async def test_a_spent_retry_budget_is_told(tmp_path):
    """The caller gets the first failure and the reason why nothing else was tried."""
    async with gateway(tmp_path, {"short": {"fail": "500"}}, config=NO_RETRIES) as running:
        reply = await running.post(chat())
        message = reply.json["error"]["message"]
        assert (reply.status, reply.headers["x-tiergate-attempts"]) == (503, "1")
        assert "short: " in message
        assert "long: the retry budget is spent (fallback.retry_budget)" in message


async def test_going_on_from_a_refusal_is_no_retry(tmp_path):
    """An engine that refuses a request unread (too long, not understood) has spent nothing on it."""
    config = NO_RETRIES.replace("fallback: {{", "fallback: {{on: [refused, context], ")
    async with gateway(tmp_path, {"short": {"fail": "400"}}, config=config) as running:
        reply = await running.post(chat())
        assert (reply.status, reply.headers["x-tiergate-attempts"]) == (200, "2")
        assert reply.headers["x-tiergate-tier"] == "long"
