"""A tier's replicas, seen through the gateway: who gets what, and who is left out."""

from dataclasses import replace

import pytest

from router.prefixes import prefixes
from tests.router.gateway import chat, gateway

CONFIG = """
version: 1
state: {{ledger: "sqlite:///{folder}/ledger.db"}}
tiers:
  short: {{engine: openai, model: m, price: {{input: 1, output: 2}}, limits: {{degraded_s: 0.2}},
           replicas: [{{url: "http://a/v1", name: a}}, {{url: "http://b/v1", name: b}},
                      {{url: "http://c/v1", name: c}}]}}
models: {{short: {{tier: short}}}}
{more}
"""
RULES = {"role": "system", "content": "You are a helpful assistant of a large company. Be brief."}


def talk(*turns, rules=RULES):
    """A conversation: the user's and the assistant's turns, one after the other."""
    roles = ("user", "assistant")
    return [rules, *({"role": roles[at % 2], "content": turn} for at, turn in enumerate(turns))]


def calls(running):
    return [len(fake.seen) for fake in running.fakes["short"]]


async def test_a_slow_replica_is_found_and_left_out(tmp_path):
    """From the time to its first token, as callers see it."""
    async with gateway(tmp_path, {"short": {"reply": "yes"}}, config=CONFIG) as running:
        tier = running.services.snapshot.tiers["short"]
        slow = running.fakes["short"][0]
        slow.script = replace(slow.script, first_s=0.3)
        for replica in tier.replicas:
            for other in tier.replicas:
                other.draining = other is not replica
            for _ in range(5):
                await running.post(chat(model="short", stream=True))
        for replica in tier.replicas:
            replica.undrain()
        for replica in tier.replicas:
            tier.review(replica)
        assert [replica.state for replica in tier.replicas] == ["ejected", "up", "up"]


async def test_a_conversation_stays_on_its_replica(tmp_path):
    """Each turn goes where the ones before went."""
    async with gateway(tmp_path, config=CONFIG) as running:
        for at in range(4):
            turns = [f"turn {turn}" for turn in range(2 * at + 1)]
            await running.post({"model": "short", "messages": talk(*turns)})
        assert sorted(calls(running)) == [0, 0, 4]


async def test_other_work_is_spread(tmp_path):
    """Prompts that have nothing in common do not all go to one."""
    async with gateway(tmp_path, config=CONFIG) as running:
        for number in range(40):
            await running.post(chat(f"{number} is another question", model="short"))
        assert min(calls(running)) > 4


def test_prefixes_are_those_that_conversations_share():
    """Longest first; the next turn has those of the turn before, another conversation only the instructions'."""
    first, later = ({"messages": talk(*"abcde"[:length])} for length in (1, 5))
    assert prefixes(first, team="t") == prefixes(later, team="t")[1:]
    other = {"messages": talk("x")}
    assert prefixes(other, team="t")[1:] == prefixes(first, team="t")[1:]
    assert prefixes(other, team="t")[0] != prefixes(first, team="t")[0]
    assert len(prefixes({"messages": talk("a")[1:]}, team="t")) == 1


def test_teams_share_no_prefix():
    """Whose prompt begins alike cannot be seen from where it is answered."""
    body = {"messages": talk("a", "b", "c")}
    assert not set(prefixes(body, team="a")) & set(prefixes(body, team="b"))


@pytest.mark.parametrize(
    ("body", "count"),
    [
        ({"prompt": "x" * 5000}, 2),
        ({"prompt": "short"}, 0),
        ({"prompt": [1, 2, 3]}, 0),
        ({"input": "to embed"}, 0),
        ({"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "data:x"}}]}]}, 1),
        ({"messages": [{"role": "user", "content": [{"type": "text", "text": None}, 7]}]}, 1),
        ({"messages": [{"role": "assistant", "content": None, "tool_calls": []}]}, 1),
    ],
)
def test_every_kind_of_prompt_has_prefixes_or_none(body, count):
    """Nothing that a caller may send makes it fail."""
    assert len(prefixes(body, team="")) == count
