"""Deciding, whatever the fleet, the request and the prediction are."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from policies.decide import decide
from policies.types import Facts, Predicted, TierView
from tests.policies.fleet import ALL, asked, policy, view

NAMES = ("edge", "short", "long")
POLICIES = tuple(
    map(
        policy,
        (
            "{}",
            "{cascade: {first: edge}}",
            "{cascade: {first: short, then: [long]}, fallback: {order: [edge], attempts: 2}}",
            "{rules: [{name: r, when: {stream: true}, use: [edge, long], cascade: true}], cascade: {first: short}}",
            "{route: {quality: 0.5, max_latency_s: 3, safe: short}, fallback: {order: []}}",
        ),
    )
)
PRICE = st.none() | st.floats(0, 5000)
SECONDS = st.none() | st.floats(0, 5)
VIEWS = st.fixed_dictionaries(
    {
        name: st.builds(
            view,
            st.just(name),
            context=st.integers(64, 4096),
            needs_met=st.frozensets(st.sampled_from(sorted(ALL))).map(lambda some: some | {"chat"}),
            state=st.sampled_from(["up", "up", "up", "full", "down", "draining"]),
            input_nusd=PRICE,
            output_nusd=PRICE,
            inflight=st.integers(0, 10),
            capacity=st.sampled_from([0, 10]),
            ttft_s=SECONDS,
            inter_token_s=SECONDS,
            output=st.sampled_from(["any", "short", "long"]),
        )
        for name in NAMES
    }
)
FACTS = st.builds(
    asked,
    prompt_tokens=st.integers(0, 6000),
    max_tokens=st.none() | st.integers(1, 4000),
    has_tools=st.booleans(),
    wants_json=st.booleans(),
    stream=st.booleans(),
    n=st.integers(1, 3),
)
QUALITY = st.dictionaries(st.sampled_from(NAMES), st.floats(0, 1))
PREDICTED = st.none() | st.builds(Predicted, QUALITY, st.floats(1, 2000), st.floats(2000, 4000))


def fits(tier: TierView, facts: Facts) -> bool:
    wanted = {"chat"} | ({"tools"} if facts.has_tools else set()) | ({"json"} if facts.wants_json else set())
    room = facts.prompt_tokens * 0.8 + (facts.max_tokens or 1) <= tier.context
    return wanted <= tier.needs_met and tier.state != "draining" and room


@given(st.sampled_from(POLICIES), FACTS, PREDICTED, VIEWS)
def test_hard_limits_hold(compiled, facts: Facts, predicted: Predicted | None, fleet: dict[str, TierView]):
    """No tier is tried that cannot do what is asked, whose context is surely too small, or that is draining."""
    assert all(fits(fleet[name], facts) for name in decide("p", compiled, facts, predicted, fleet).tiers)


@given(FACTS, PREDICTED, VIEWS)
def test_what_is_down_or_full_waits_for_what_is_up(facts: Facts, predicted: Predicted | None, fleet):
    """While one tier can serve, none is tried that is down, full or likely to cut the answer."""
    made = decide("p", POLICIES[0], facts, predicted, fleet)
    answer = facts.max_tokens or (predicted.output_p90 if predicted else 1)
    able = {
        name
        for name, tier in fleet.items()
        if fits(tier, facts) and tier.state == "up" and facts.prompt_tokens * 0.8 + answer <= tier.context
    }
    assert not able or able == set(made.tiers)


@given(st.sampled_from(POLICIES), FACTS, PREDICTED, VIEWS)
def test_a_decision_is_whole(compiled, facts: Facts, predicted: Predicted | None, fleet: dict[str, TierView]):
    """Each tier once, no more than attempts, one chosen, a reason for all, a draft only with somewhere to go on to."""
    made = decide("p", compiled, facts, predicted, fleet)
    assert len(set(made.tiers)) == len(made.tiers) <= made.attempts
    verdicts = {each.tier: each.verdict for each in made.considered}
    assert len(verdicts) == len(made.considered)
    assert [name for name in made.tiers if verdicts[name] == "chosen"] == list(made.tiers[:1])
    assert {name for name, verdict in verdicts.items() if verdict != "excluded"} == set(made.tiers)
    assert all(each.reason for each in made.considered)
    if made.cascade is not None:
        assert len(made.tiers) > 1
        assert "logprobs" in fleet[made.tiers[0]].needs_met


@given(FACTS, PREDICTED, VIEWS)
def test_deciding_twice_is_deciding_once(facts: Facts, predicted: Predicted | None, fleet: dict[str, TierView]):
    """Nothing but what is passed in matters, not even the order of the fleet's mapping."""
    turned = dict(reversed(fleet.items()))
    assert decide("p", POLICIES[1], facts, predicted, fleet) == decide("p", POLICIES[1], facts, predicted, turned)


@given(FACTS, st.floats(0, 1), st.floats(1, 500), VIEWS, st.floats(0, 5000), st.floats(0, 5000), st.floats(0.01, 1))
def test_the_cheaper_of_two_equals_wins(facts, quality, p50, fleet, input_nusd, output_nusd, share):
    """With everything else the same, no request goes to the dearer tier."""
    dear = replace(fleet["short"], input_nusd=input_nusd, output_nusd=output_nusd, state="up")
    cheap = replace(dear, name="long", input_nusd=input_nusd * share, output_nusd=output_nusd * share)
    predicted = Predicted({"short": quality, "long": quality}, p50, p50)
    made = decide("p", POLICIES[0], facts, predicted, {"short": dear, "long": cheap})
    cost = {each.tier: each.cost_nusd for each in made.considered}
    assert not made.tiers or cost["long"] == cost["short"] or made.tiers[0] == "long"


@given(st.sampled_from(NAMES), FACTS, PREDICTED, VIEWS)
def test_a_pinned_request_goes_nowhere_else(name: str, facts: Facts, predicted: Predicted | None, fleet):
    """One tier or none."""
    assert decide("p", POLICIES[3], facts, predicted, fleet, pinned=name).tiers in ((name,), ())
