"""Loading: what a file that says little means, and that every example loads."""

import json
from decimal import Decimal
from pathlib import Path

import jsonschema
import pytest

from policies.docs import page
from policies.load import load, loads
from policies.schema import Config, editor_schema, json_schema
from tests.policies.fleet import EXAMPLE_ENV, TIERS, config

ROOT = Path(__file__).parents[2]
EXAMPLES = sorted([*(ROOT / "configs").glob("*.yaml"), *(ROOT / "policies/library").glob("*.yaml")])


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_every_example_loads(path: Path):
    """What we give people to start from passes `check`."""
    assert isinstance(load(path, EXAMPLE_ENV), Config)


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_every_example_satisfies_the_schema_that_editors_use(path: Path):
    """An editor underlines nothing in our own examples."""
    import yaml

    text = path.read_text().replace("${", "$").replace("_KEY}", "_KEY")
    read = yaml.safe_load(text.replace(" on: [", " 'on': ["))
    jsonschema.Draft202012Validator(editor_schema()).validate(read)


def test_the_schema_file_is_the_schema():
    """configs/tiergate.schema.json is what `make docs` makes."""
    assert json.loads((ROOT / "configs/tiergate.schema.json").read_text()) == editor_schema()


def test_an_editor_takes_variables_for_numbers():
    """`port: ${PORT}` is not underlined, `port: eighty` is."""
    validator = jsonschema.Draft202012Validator(editor_schema())
    tiers = {"e": {"engine": "llama.cpp", "model": "m"}}
    assert validator.is_valid({"tiers": tiers, "server": {"port": "${PORT}"}})
    assert not validator.is_valid({"tiers": tiers, "server": {"port": "eighty"}})


def test_the_page_of_settings_is_made_from_the_schema():
    """docs/configuration.md is what `make docs` makes, so that no setting is missing from it."""
    assert (ROOT / "docs/configuration.md").read_text() == page()


def test_every_setting_is_described():
    """Each key has a sentence for the editor and the page, or its mapping has."""
    schema = json_schema()
    for name, part in {"Config": schema, **schema["$defs"]}.items():
        assert part["description"], name
        for key, setting in part["properties"].items():
            described = "description" in setting or "$ref" in setting
            assert described, f"{name}.{key}"


def test_the_embedded_configuration_offers_four_models():
    """`tiergate serve` without a file: auto, edge, short, long; one engine in the process for each tier."""
    made = load(ROOT / "configs/embedded.yaml", {})
    assert list(made.models) == ["auto", "edge", "short", "long"]
    assert {tier.engine for tier in made.tiers.values()} == {"llama.cpp"}
    assert made.server.host == "127.0.0.1"


def test_a_file_of_tiers_alone_is_enough():
    """Everything else has a default that works: one policy over all tiers, each tier pinned by its name."""
    made = config()
    assert {name: model.policy or model.tier for name, model in made.models.items()} == {
        "auto": "default",
        "edge": "edge",
        "short": "short",
        "long": "long",
    }
    policy = made.policies["default"]
    assert policy.route.candidates == policy.fallback.order == ("edge", "short", "long")
    assert policy.route.safe == "long"
    assert policy.cascade is None
    assert not policy.cache.exact


def test_written_models_are_the_only_ones_besides_auto():
    """Who lists models offers these, not every tier."""
    assert list(config("models: {gpt-4o: {policy: default}}").models) == ["auto", "gpt-4o"]


def test_auto_may_mean_another_policy():
    """What is written wins over what is implied."""
    made = config("models: {auto: {policy: x}}\npolicies: {x: {}}")
    assert made.models["auto"].policy == "x"
    assert set(made.policies) == {"default", "x"}


def test_a_cascade_goes_on_to_the_other_candidates():
    """`then` need not be written."""
    made = config("policies: {default: {cascade: {first: edge}}}")
    assert made.policies["default"].cascade.then == ("short", "long")


def test_an_empty_fallback_order_is_none():
    """`order: []` is not the same as no `order`."""
    assert config("policies: {default: {fallback: {order: []}}}").policies["default"].fallback.order == ()


def test_tiers_derive_what_they_do_not_say():
    """Length by name, context by engine, the classifier's name by their own."""
    made = config(tiers=TIERS + "  m: {engine: litellm, model: x/y, rated_as: gpt, output: long}\n")
    assert [tier.output for tier in made.tiers.values()] == ["any", "short", "long", "long"]
    assert [tier.rated_as for tier in made.tiers.values()] == ["edge", "short", "long", "gpt"]
    assert (made.tiers["edge"].context, made.tiers["m"].context) == (8192, 128_000)


def test_prices_are_exact():
    """0.1 in the file is a tenth, not the float nearest to it."""
    made = loads("tiers: {e: {engine: llama.cpp, model: m, price: {input: 0.1, output: 1e-3}}}", "f", {})
    assert (made.tiers["e"].price.input, made.tiers["e"].price.output) == (Decimal("0.1"), Decimal("0.001"))


def test_only_given_options_reach_the_engine():
    """What the file does not say is the engine's own default, which may depend on the machine."""
    made = loads("tiers: {e: {engine: llama.cpp, model: m, options: {threads: 1}}}", "f", {})
    assert made.tiers["e"].engine_options == {"threads": 1}


def test_a_configuration_cannot_be_changed():
    """A request holds one snapshot from start to end."""
    with pytest.raises(ValueError, match="frozen"):
        config().server.port = 1


def test_the_page_of_policies_names_everything_that_rules_may_ask():
    """docs/policies.md is not behind the schema."""
    text = (ROOT / "docs/policies.md").read_text()
    defs = json_schema()["$defs"]
    words = [*defs["When"]["properties"], "tag.NAME", *map(str, defs["Fallback"]["properties"]["on"]["items"]["enum"])]
    assert not [word for word in words if f"`{word}`" not in text]
