"""Budgets and rate limits, seen from the caller's side."""

from router.observe.events import LimitReached, RequestEnded
from tests.router.gateway import chat, gateway

FREE = """
version: 1
state: {{ledger: "sqlite:///{folder}/ledger.db"}}
tiers:
  edge: {{engine: llama.cpp, model: toy-edge, context: 2048, price: {{input: 0, output: 0}}}}
  long: {{engine: openai, model: toy-long, context: 8192, price: {{input: 0, output: 1000}},
          limits: {{max_inflight: 1000}}, replicas: [{{url: "http://127.0.0.1:9/v1"}}]}}
models:
  auto: {{policy: default}}
  edge: {{tier: edge}}
  long: {{tier: long}}
policies:
  default:
    rules: [{{name: free-first, when: {{tag.go: free}}, use: [edge, long]}}]
{more}
"""
TEN_TOKENS_NUSD = 10 * 1_000_000  # what ten output tokens of `long` cost


def budget(usd: float, scope: str = "org", **more: object) -> str:
    rest = "".join(f", {name}: {value}" for name, value in more.items())
    return f'budgets: [{{scope: "{scope}", limit_usd: {usd}{rest}}}]\n'


def ten(text: str = "hello", **fields: object) -> dict:
    return chat(text, model="long", max_tokens=10, **fields)


async def test_a_spent_budget_refuses_and_says_which(tmp_path):
    """429 `insufficient_quota` names scope and end of period, tells the SDK not to retry, and costs nothing."""
    async with gateway(tmp_path, {"long": {"tokens": 10}}, config=FREE, more=budget(0.025)) as running:
        replies = [await running.post(ten(f"question {n}")) for n in range(3)]
        assert [reply.status for reply in replies] == [200, 200, 429]
        refused = replies[2]
        assert refused.json["error"]["code"] == refused.json["error"]["type"] == "insufficient_quota"
        assert "monthly budget of org" in refused.json["error"]["message"]
        assert refused.headers["x-should-retry"] == "false"
        assert refused.headers["x-tiergate-attempts"] == "0"
        (state,) = running.services.limits.states()
        assert (state.spent, state.reserved, state.remaining) == (2 * TEN_TOKENS_NUSD, 0, 5_000_000)
        assert [(e.what, e.scope, e.action) for e in running.of(LimitReached)] == [("budget", "org", "reject")]
        assert running.of(RequestEnded)[-1].row.status == 429
