"""Deciding: who is chosen, who comes next, and why the others are not."""

import pytest

from policies.decide import decide
from policies.types import Cascade, Decision, Facts, Predicted
from tests.policies.fleet import asked, policy, predicts, view, views

CASCADE = "{cascade: {first: edge, accept: 0.7, hold_tokens: 8}}"


def choose(
    yaml: str = "{}", facts: Facts | None = None, predicted: Predicted | None = None, fleet=None, **more
) -> Decision:
    return decide("default", policy(yaml), facts or asked(), predicted, fleet or views(), **more)


def why(decision: Decision, tier: str) -> str:
    [reason] = [each.reason for each in decision.considered if each.tier == tier]
    return reason


def test_the_cheapest_tier_that_is_good_enough_is_chosen():
    """Good enough is a share of the best candidate's predicted quality; the others follow as fallbacks."""
    made = choose(predicted=predicts(0.5, 0.82, 0.9))
    assert (made.tiers, made.name, made.policy) == (("short", "long", "edge"), "classified", "default")
    assert why(made, "short") == "predicted quality 0.82 >= 0.9 x 0.90; best expected value: 0.0000500 USD"
    assert why(made, "edge") == "predicted quality 0.50 < 0.9 x 0.90"
    assert why(made, "long") == "predicted quality 0.90 >= 0.9 x 0.90; kept for long answers, 100 tokens predicted"
    assert [each.verdict for each in made.considered] == ["chosen", "fallback", "fallback"]


def test_quality_is_relative_to_the_best_that_can_serve():
    """A question that no tier answers well goes to the cheapest; a strong tier that is down sets no bar."""
    assert choose(predicted=predicts(0.19, 0.2, 0.21)).tiers[0] == "edge"
    assert choose(predicted=predicts(0.5, 0.8, 0.9)).tiers[0] == "long"
    assert choose(predicted=predicts(0.5, 0.8, 0.9), fleet=views(long={"state": "down"})).tiers[0] == "short"


def test_every_candidate_shows_its_figures():
    """Quality, tokens, cost and latency as predicted, load as it is; unknown where nothing is known."""
    fleet = views(edge={"ttft_s": 0.5, "inter_token_s": 0.01, "inflight": 5}, long={"input_nusd": None, "capacity": 0})
    found = {each.tier: each for each in choose(predicted=predicts(0.9), fleet=fleet).considered}
    edge, long = found["edge"], found["long"]
    assert (edge.quality, edge.output_tokens, edge.cost_nusd, edge.latency_s, edge.load) == (0.9, 100, 8000, 1.5, 0.5)
    assert (long.cost_nusd, long.latency_s, long.load) == (None, None, None)


def test_the_callers_limit_shortens_the_predicted_answer():
    """Cost and length go by what may be generated, for each of the answers asked for."""
    made = choose(facts=asked(max_tokens=10, n=3), predicted=predicts(0.9))
    assert made.considered[0].output_tokens == 10
    assert made.considered[0].cost_nusd == 100 * 20 + 3 * 10 * 60


def test_length_prefers_the_tier_that_is_for_it():
    """Short answers stay off the tier for long ones, long answers off the tier for short ones, if both are good."""
    route = "{route: {short_output_tokens: 150, quality: 0.5, candidates: [short, long]}}"
    assert choose(route, predicted=predicts(p50=149)).tiers == ("short", "long")
    assert choose(route, predicted=predicts(p50=150)).tiers == ("long", "short")
    assert choose(route, predicted=predicts(p50=150), fleet=views(long={"state": "full"})).tiers == ("short",)
    assert choose(route, predicted=predicts(short=0.3, p50=100)).tiers[0] == "long"


def test_a_busy_tier_counts_dearer():
    """From 80 % load on; twice as dear when full, so a neighbour of nearly the same price takes over."""
    near = {"input_nusd": 21.0, "output_nusd": 63.0, "output": "any"}
    good = predicts(0.9, 0.9, 0.9)
    for inflight, first in ((8, "edge"), (9, "short")):
        made = choose(predicted=good, fleet=views(edge={"inflight": inflight}, short=near))
        assert made.tiers[0] == first
    assert why(made, "edge").endswith("0.0000080 USD (counted as 0.0000120 USD at 90% load)")


def test_an_unknown_price_comes_after_known_ones():
    """Unknown is not free."""
    fleet = views(edge={"input_nusd": None, "output_nusd": None})
    made = choose(predicted=predicts(0.9, 0.9, 0.9), fleet=fleet)
    assert made.tiers[0] == "short"
    assert why(made, "edge").endswith("price unknown, so after known prices")


def test_an_unknown_load_is_not_idle():
    """Of two equal tiers the one that is known to be idle goes first."""
    same = {"input_nusd": 20.0, "output_nusd": 60.0, "output": "any"}
    fleet = views(edge={"capacity": 0}, short=same)
    assert choose(predicted=predicts(0.9, 0.9), fleet=fleet).tiers[0] == "short"


def test_a_tier_that_is_too_slow_comes_last():
    """Predicted time to the whole answer over max_latency_s; a tier whose speed is unknown is not slow."""
    fleet = views(edge={"ttft_s": 1.0, "inter_token_s": 0.1})
    made = choose("{route: {max_latency_s: 10}}", predicted=predicts(0.9, 0.9, 0.9), fleet=fleet)
    assert made.tiers[0] == "short"
    assert why(made, "edge").endswith("predicted latency 11.0 s > 10 s")


@pytest.mark.parametrize(
    ("facts", "change", "reason"),
    [
        ({"has_images": True, "has_tools": True}, {"needs_met": frozenset({"chat"})}, "cannot do images, tools"),
        ({"wants_json": True}, {"needs_met": frozenset({"chat", "logprobs"})}, "cannot do json"),
        ({"path": "/v1/embeddings"}, {"needs_met": frozenset({"chat"})}, "cannot do embeddings"),
        ({"path": "/v1/completions"}, {"needs_met": frozenset({"chat"})}, "cannot do completions"),
        ({"prompt_tokens": 3100, "max_tokens": 512}, {"context": 2048}, "context 2048 < 3100 prompt + 512 answer"),
        ({"prompt_tokens": 3100}, {"context": 2048}, "context 2048 < 3100 prompt"),
        ({}, {"state": "draining"}, "draining: it takes no new requests"),
    ],
)
def test_a_tier_that_cannot_serve_is_never_tried(facts: dict, change: dict, reason: str):
    """Even when it is all there is, and even when a rule or the model's name asks for it."""
    fleet = {"edge": view("edge", **change)}
    for yaml, pinned in (("{}", None), ("{rules: [{name: r, use: [edge]}]}", None), ("{}", "edge")):
        made = choose(yaml, asked(**facts), predicts(), fleet, pinned=pinned)
        assert made.tiers == ()
        assert why(made, "edge") == reason


def test_the_context_is_refused_only_when_surely_too_small():
    """Tokens are estimated; what may fit is tried, and the engine has the last word."""
    assert choose(facts=asked(prompt_tokens=10_000), predicted=predicts()).tiers
    assert not choose(facts=asked(prompt_tokens=10_500), predicted=predicts()).tiers


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"state": "down"}, "down: no healthy replica"),
        ({"state": "full", "inflight": 10}, "full: 10 of 10 requests under way"),
    ],
)
def test_a_tier_that_is_down_or_full_is_the_last_resort(change: dict, reason: str):
    """It is left out while others serve, and tried when nobody does, so that the caller sees the real error."""
    made = choose(predicted=predicts(0.9), fleet=views(edge=change))
    assert "edge" not in made.tiers
    assert why(made, "edge") == reason
    alone = choose(predicted=predicts(0.9), fleet=views(edge=change, short={"state": "draining"}, long={"context": 8}))
    assert alone.tiers == ("edge",)
    assert why(alone, "edge") == f"{reason}; tried because nothing else can serve"


def test_an_answer_that_may_not_fit_goes_where_it_does():
    """A predicted P90 beyond the context moves the request to a larger tier; where there is none, the largest tries."""
    small = {"context": 1000}
    made = choose(predicted=predicts(0.9, p90=950), fleet=views(edge=small))
    assert "edge" not in made.tiers
    assert why(made, "edge") == "context 1000 < 100 prompt + 950 predicted answer (P90)"
    everywhere = views(edge=small, short={"context": 1002}, long={"context": 1001, "state": "down"})
    assert choose(predicted=predicts(0.9, p90=950), fleet=everywhere).tiers == ("short", "edge", "long")
    assert (
        choose(facts=asked(max_tokens=50), predicted=predicts(0.9, p90=950), fleet=views(edge=small)).tiers[0] == "edge"
    )


def test_a_pinned_tier_stays():
    """Who asks for a tier by name gets that tier or an error, whatever rules and routes say."""
    made = choose("{rules: [{name: r, use: [long]}]}", predicted=predicts(), pinned="short")
    assert (made.tiers, made.name, made.cascade) == (("short",), "pinned", None)
    assert choose(pinned="short", fleet=views(short={"state": "down"})).tiers == ("short",)


def test_a_rule_decides_before_any_prediction():
    """Its tiers in its order, then the fallback order; its name is the decision's."""
    yaml = "{rules: [{name: code, when: {has_code: true}, use: [long, edge], priority: high}]}"
    made = choose(yaml, asked(has_code=True))
    assert (made.tiers, made.name, made.priority) == (("long", "edge", "short"), "code", "high")
    assert why(made, "long") == "rule code"
    assert why(made, "short") == "in the fallback order"
    assert not policy(yaml).consults_classifier(asked(has_code=True))
    assert policy(yaml).consults_classifier(asked())
    assert not policy(yaml).consults_classifier(asked(), "edge")


def test_a_rule_may_keep_a_request_in_the_house():
    """With `fallback: false` nothing but its own tiers is tried, whatever fails."""
    yaml = "{rules: [{name: private, use: [edge], fallback: false}]}"
    assert choose(yaml).tiers == ("edge",)
    assert choose(yaml, fleet=views(edge={"state": "down"})).tiers == ("edge",)
    assert choose(yaml, fleet=views(edge={"state": "draining"})).tiers == ()


def test_without_a_prediction_the_safe_tier_serves():
    """Late, failed or unknowing: the safe tier, then the strongest candidates first."""
    made = choose()
    assert (made.tiers, made.name) == (("long", "short", "edge"), "safe")
    assert why(made, "long") == "no prediction: the safe tier"
    assert choose("{route: {safe: short}}").tiers == ("short", "long", "edge")
    assert choose(predicted=Predicted({"other": 1.0}, 10, 20)).name == "safe"
    assert choose(fleet=views(long={"state": "down"})).tiers == ("short", "edge")
    assert choose(CASCADE).cascade is None


def test_unrated_candidates_come_between_good_and_poor_ones():
    """What the classifier does not know is not assumed good, nor known to be poor."""
    made = choose(CASCADE, predicted=Predicted({"edge": 0.5, "long": 0.9}, 100, 200))
    assert made.tiers == ("edge", "long", "short")
    assert why(made, "short") == "the classifier does not rate it"


def test_a_cascade_drafts_first():
    """The draft tier, then the others as the route prefers them."""
    made = choose(CASCADE, predicted=predicts(0.6, 0.8, 0.9))
    assert (made.tiers, made.name) == (("edge", "long", "short"), "cascade")
    assert made.cascade == Cascade(accept=0.7, hold_tokens=8, prior=0.6, against=0.9, drafts=("edge",), rival="long")
    assert why(made, "edge") == "drafts first, kept when 0.7 as sure as the tiers behind it are good"
    assert choose(CASCADE, predicted=predicts(0.6, 0.85, 0.9)).tiers == ("edge", "short", "long")


@pytest.mark.parametrize(
    ("facts", "fleet", "reason"),
    [
        ({}, {"edge": {"state": "down"}}, "down: no healthy replica"),
        ({"n": 2}, {}, "no draft: only one answer in text can be judged"),
        ({}, {"edge": {"needs_met": frozenset({"chat"})}}, "no draft: the tier gives no token probabilities"),
        ({}, {"short": {"state": "down"}, "long": {"state": "down"}}, "no draft: no tier to go on to"),
        (
            {},
            {"edge": {"input_nusd": 9e4}},
            "no draft: it costs 0.0090060 USD and saves 0.0001800 USD of long on average",
        ),
    ],
)
def test_a_draft_that_cannot_pay_is_not_made(facts: dict, fleet: dict, reason: str):
    """The route decides instead, and says why there is no draft."""
    made = choose(CASCADE, asked(**facts), predicts(0.6, 0.8, 0.9), views(**fleet))
    assert (made.name, made.cascade) == ("classified", None)
    assert why(made, "edge").endswith(reason)


def test_a_cascade_may_be_switched_off():
    assert choose("{cascade: {first: edge, enabled: false}}", predicted=predicts(0.6)).cascade is None


def test_a_rule_asks_for_the_cascade():
    """Rules go straight to their tiers unless they say `cascade: true`."""
    rules = "rules: [{name: a, when: {stream: true}, use: [long], cascade: true}, {name: b, use: [long]}]"
    yaml = f"{{{rules}, cascade: {{first: edge}}}}"
    drafted, straight = choose(yaml, asked(stream=True)), choose(yaml)
    assert (drafted.tiers, drafted.name) == (("edge", "long", "short"), "a")
    assert drafted.cascade is not None
    assert (straight.tiers[0], straight.cascade) == ("long", None)


def test_no_more_tiers_than_attempts():
    """What cannot be tried any more is said to be left out; one attempt has no cascade."""
    made = choose("{fallback: {attempts: 2}}", predicted=predicts(0.9, 0.9, 0.9))
    assert (len(made.tiers), made.attempts) == (2, 2)
    assert {each.verdict for each in made.considered} == {"chosen", "fallback", "excluded"}
    ruled = choose("{rules: [{name: r, use: [edge]}], fallback: {attempts: 2}}")
    assert why(ruled, "long") == "in the fallback order; more tiers than attempts"
    assert choose("{cascade: {first: edge}, fallback: {attempts: 1}}", predicted=predicts()).cascade is None


def test_the_fallback_words_reach_the_router():
    """They decide which failures allow another attempt."""
    assert choose("{fallback: {on: [429, timeout]}}").on == {"429", "timeout"}


def test_a_tier_that_the_fleet_lost_is_passed_over():
    """A name without a view is never tried, and said so."""
    made = choose(predicted=predicts(), fleet={"short": view("short")})
    assert made.tiers == ("short",)
    assert why(made, "edge") == "not part of the fleet"


def test_a_draft_is_judged_by_what_is_behind_it():
    """The same doubtful draft is kept where the tiers behind it promise little, and not where they promise much."""
    promising, hopeless = Cascade(0.8, 8, prior=0.4, against=0.9), Cascade(0.8, 8, prior=0.4, against=0.5)
    assert (promising.accepts(0.5), hopeless.accepts(0.5)) == (False, True)
    assert Cascade(0.8, 8).accepts(0.8)
    assert not Cascade(0.8, 8).accepts(0.79)
    assert not Cascade(0.0, 8).accepts(None)


def test_a_draft_that_could_never_be_kept_is_not_made():
    """sqrt(0.2) = 0.45 is under 0.7 x 0.9: however sure its tokens, it would be thrown away."""
    made = choose(CASCADE, predicted=predicts(0.2, 0.85, 0.9))
    assert (made.cascade, made.tiers[0]) == (None, "short")
    assert "too low for any draft" in why(made, "edge")


CHAIN = "{cascade: {first: edge, through: [short], accept: 0.8, hold_tokens: 8}}"


def judges(*quality: float, p50: float = 100) -> Predicted:
    """A prediction of a classifier that has learned to judge drafts, of answers of 50 tokens mostly."""
    return Predicted(dict(zip(("edge", "short", "long"), quality, strict=True)), p50, 2 * p50, typical_tokens=50)


def test_several_tiers_draft_in_turn():
    """Each that promises enough of what is behind it, in order; the last tier's answer is no draft."""
    made = choose(CHAIN, predicted=judges(0.8, 0.85, 0.9))
    assert made.tiers == ("edge", "short", "long")
    assert made.cascade is not None
    assert (made.cascade.drafts, made.cascade.rival) == (("edge", "short"), "long")
    assert "kept unless going on gains 0.2" in why(made, "short")
    alone = choose(CHAIN, predicted=judges(0.8, 0.85, 0.9), fleet=views(long={"state": "down"}))
    assert alone.cascade is not None
    assert (alone.tiers, alone.cascade.drafts, alone.cascade.rival) == (("edge", "short"), ("edge",), "short")


def test_a_draft_that_is_likely_thrown_away_is_not_made():
    """P(kept) is about the cube of its share of the best quality: 0.2 for short here, which costs a sixth of long."""
    made = choose(CHAIN, predicted=judges(0.3, 0.4, 0.9))
    assert made.cascade is not None
    assert (made.tiers, made.cascade.drafts) == (("edge", "long", "short"), ("edge",))
    skipped = choose(CHAIN, predicted=judges(0.1, 0.85, 0.9))
    assert skipped.cascade is not None
    assert (skipped.tiers, skipped.cascade.drafts) == (("short", "long", "edge"), ("short",))
    assert "no draft: it costs" in why(skipped, "edge")


def test_the_dearer_going_on_is_the_more_it_must_gain():
    """The bar on a draft grows with what an answer of the rival costs, counted in its typical answers."""
    short, long = (choose(CHAIN, predicted=judges(0.8, 0.85, 0.9, p50=p50)).cascade for p50 in (50, 500))
    assert short is not None
    assert long is not None
    assert long.stretch > 5 * short.stretch
    assert (short.keeps(0.3, at_once=True), long.keeps(0.3, at_once=True)) == (False, True)
    assert short.keeps(0.3, at_once=False)
    unpriced = choose(
        CHAIN, predicted=judges(0.8, 0.85, 0.9), fleet=views(long={"input_nusd": None, "output_nusd": None})
    )
    assert unpriced.cascade is not None
    assert unpriced.cascade.stretch == 2.0
