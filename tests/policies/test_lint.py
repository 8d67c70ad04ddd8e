"""Cross checks: what is right alone and wrong together."""

import pytest

from tests.policies.fleet import TIERS, problems

IN_POLICY = {
    "rules: [{name: a, use: [edge]}, {name: b, when: {stream: true}, use: [edge]}]": (
        "rules[1].name: found a rule that is never reached: 'a' before it takes every such request"
    ),
    'rules: [{name: a, when: {turns: ">2"}, use: [edge]}, {name: b, when: {turns: "5..9", n: 1}, use: [edge]}]': (
        "rules[1].name: found a rule that is never reached"
    ),
    "rules: [{name: a, when: {team: x*}, use: [edge]}, {name: b, when: {team: [xy, xz]}, use: [edge]}]": (
        "rules[1].name: found a rule that is never reached"
    ),
    'rules: [{name: a, when: {hour: "20..6"}, use: [edge]}, {name: b, when: {hour: "22..5"}, use: [edge]}]': (
        "rules[1].name: found a rule that is never reached"
    ),
    "rules: [{name: a, when: {tag.x: y}, use: [edge]}, {name: b, when: {tag.x: y, n: 1}, use: [edge]}]": (
        "rules[1].name: found a rule that is never reached"
    ),
    "rules: [{name: a, when: {n: 2}, use: [edge]}, {name: a, when: {n: 3}, use: [edge]}]": (
        "rules[1].name: found a second rule 'a', allowed each name once in a policy"
    ),
    "rules: [{name: a, when: {language: english}, use: [edge]}]": (
        "rules[0].when.language: found 'english', which no request has, allowed en, de,"
    ),
    "rules: [{name: a, when: {path: /chat}, use: [edge]}]": "rules[0].when.path: found '/chat', which no request has",
    "rules: [{name: a, when: {model: [edge, gpt*]}, use: [edge]}]": (
        "rules[0].when.model: found 'edge, gpt*', which no request has, allowed auto"
    ),
    "rules: [{name: a, when: {has_images: true}, use: [edge]}]": (
        "rules[0].use[0]: found 'edge', which cannot do images, allowed a tier that can serve the rule's requests"
    ),
    'rules: [{name: a, when: {prompt_tokens: ">20000"}, use: [edge]}]': (
        "rules[0].use[0]: found 'edge', which has a context of 8192"
    ),
    "rules: [{name: a, use: [edge, edge]}]": "rules[0].use[1]: found 'edge' again, allowed each tier once",
    "rules: [{name: a, use: [edge], cascade: true}]": "rules[0].cascade: found true, allowed false, or a 'cascade' in",
    "route: {candidates: [edge, edge]}": "route.candidates[1]: found 'edge' again",
    "route: {candidates: [edge], short_output_tokens: 50}": (
        "route.short_output_tokens: found 50 without a tier for short or long answers"
    ),
    "cascade: {first: edge, then: [edge, long]}": "cascade.then[0]: found 'edge', which drafts, allowed other tiers",
    "cascade: {first: edge, then: [long], through: [short]}": "cascade.through[0]: found 'short', which is not in",
    "{route: {candidates: [edge]}, cascade: {first: edge}}": "cascade.then: found no tier to go on to",
    "cascade: {first: mute}": "cascade.first: found 'mute', which cannot do logprobs",
    "fallback: {order: [long, long]}": "fallback.order[1]: found 'long' again",
    "fallback: {order: [long], attempts: 1}": "fallback.attempts: found 1, so that 'order' is never used, allowed 2",
    "fallback: {order: [long], on: []}": "fallback.on: found nothing, so that 'order' is never used",
}
MUTE = "  mute: {engine: llama.cpp, model: m, capabilities: [chat]}\n"


@pytest.mark.parametrize("policy", IN_POLICY)
def test_what_cannot_work_in_a_policy_is_told(policy: str):
    """At its field, with what would work."""
    inside = policy if policy.startswith("{") else f"{{{policy}}}"
    [told] = problems(f"{TIERS}{MUTE}policies: {{default: {inside}}}")
    assert told.split(": ", 1)[1].startswith(f"policies.default.{IN_POLICY[policy]}")


@pytest.mark.parametrize(
    "policy",
    [
        'rules: [{name: a, when: {turns: ">5"}, use: [edge]}, {name: b, when: {turns: ">2"}, use: [edge]}]',
        "rules: [{name: a, when: {n: 2, stream: true}, use: [edge]}, {name: b, when: {stream: true}, use: [edge]}]",
        "rules: [{name: a, when: {stream: true}, use: [edge]}, {name: b, when: {stream: false}, use: [edge]}]",
        "rules: [{name: a, when: {team: x}, use: [edge]}, {name: b, when: {team: x*}, use: [edge]}]",
        "rules: [{name: a, when: {tag.x: y}, use: [edge]}, {name: b, when: {tag.z: y}, use: [edge]}]",
        "rules: [{name: a, when: {max_tokens: '>=0'}, use: [edge]}, {name: b, use: [edge]}]",
        "fallback: {attempts: 1}",
        "fallback: {order: []}",
        "cascade: {first: edge}, rules: [{name: a, use: [long], cascade: true}]",
    ],
)
def test_what_can_work_is_left_alone(policy: str):
    """A check that errs would keep a good policy from being served."""
    assert problems(f"{TIERS}policies: {{default: {{{policy}}}}}") == []


def test_replicas_need_names_of_their_own():
    """Two replicas under one name would share their figures."""
    tier = "tiers: {s: {engine: vllm, model: m, replicas: [{url: 'http://h:1/v1'}, {url: 'http://h:1/v1'%s}]}}"
    [told] = problems(tier % "")
    assert told.startswith("fleet.yaml:1:72: tiers.s.replicas[1]: found a second replica called 'h:1'")
    assert problems(tier % ", name: other") == []


def test_a_phase_is_not_longer_than_the_whole():
    """A timeout that can never pass is a mistake, one that merely is the default is not."""
    tier = "tiers: {e: {engine: llama.cpp, model: m, timeouts: {%s}}}"
    [told] = problems(tier % "idle_s: 20, total_s: 10")
    assert told.endswith("tiers.e.timeouts.idle_s: found 20, allowed at most 'total_s', which is 10")
    assert problems(tier % "total_s: 10") == []
