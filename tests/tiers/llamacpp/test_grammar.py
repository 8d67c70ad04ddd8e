"""The grammar: schemas that become GBNF, and answers that must fit it."""

import json

import numpy as np
import pytest

from tiers.llamacpp.grammar import Grammar, schema_to_gbnf
from tiers.llamacpp.model import Model
from tiers.llamacpp.refusal import Refusal

SCHEMAS = [
    {"type": "object", "properties": {"a": {"enum": ['x"\n\\y', "ü"]}, "b": {"type": "boolean"}}, "required": ["a"]},
    {"type": "array", "items": {"const": 1}, "minItems": 1, "maxItems": 3},
    {"type": "string", "maxLength": 6},
    {"type": "string", "enum": ["{", "\t"]},
    {"$ref": "#/$defs/n", "$defs": {"n": {"anyOf": [{"type": "null"}, {"type": "boolean"}]}}},
    {"type": "object", "properties": {}, "additionalProperties": False},
]


def write(model: Model, gbnf: str, seed: int) -> str:
    """A text of the grammar, its tokens chosen at random among those allowed."""
    random, grammar, data = np.random.default_rng(seed), Grammar(model.vocabulary.handle, gbnf, param="x"), b""
    while True:
        scores = grammar.mask(random.normal(size=model.vocabulary.size).astype(np.float32))
        token = int(scores.argmax())
        assert scores[token] > -np.inf
        if token in model.vocabulary.ends:
            grammar.close()
            return data.decode()
        data += model.vocabulary.shown(token)
        grammar.accept(token)


@pytest.mark.parametrize("schema", SCHEMAS)
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_whatever_the_grammar_allows_is_json_of_the_schema(model, schema, seed):
    """Random allowed tokens make JSON that fits, whatever characters the schema's strings hold."""
    jsonschema = pytest.importorskip("jsonschema")
    jsonschema.validate(json.loads(write(model, schema_to_gbnf(schema, param="x"), seed)), schema)


def test_a_string_holds_no_raw_control_character(model):
    """Newlines and tabs in strings are escaped or absent, for JSON forbids them raw."""
    grammar = Grammar(model.vocabulary.handle, schema_to_gbnf({"type": "string"}, param="x"), param="x")
    (quote,) = model.vocabulary.tokenize('"', add_bos=False, special=False)
    (newline,) = model.vocabulary.tokenize("\n", add_bos=False, special=False)
    grammar.accept(quote)
    assert not grammar.allows(newline)
    grammar.close()


def test_asking_for_one_token_agrees_with_masking_all(model):
    """`allows` and `best_allowed` say of a token what the full mask says."""
    grammar = Grammar(model.vocabulary.handle, 'root ::= "ab" [0-9]+', param="x")
    row = np.random.default_rng(0).normal(size=model.vocabulary.size).astype(np.float32)
    masked = grammar.mask(row)
    allowed = {int(token) for token in np.flatnonzero(masked > -np.inf)}
    assert {token for token in range(model.vocabulary.size) if grammar.allows(token)} == allowed
    assert grammar.best_allowed(row) == int(masked.argmax())
    grammar.close()


def test_a_fork_goes_its_own_way(model):
    """Two answers of one request are checked apart from where they parted."""
    vocabulary = model.vocabulary
    grammar = Grammar(vocabulary.handle, 'root ::= "a" "b"', param="x")
    twin = grammar.fork()
    (a,) = vocabulary.tokenize("a", add_bos=False, special=False)
    grammar.accept(a)
    assert twin.allows(a)
    assert not grammar.allows(a)
    grammar.close()
    twin.close()


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "colour"},
        {"$ref": "#/nowhere"},
        {"$ref": "https://example.com/schema.json"},
        {"type": "string", "pattern": "no anchors"},
        {"enum": 3},
    ],
)
def test_an_unusable_schema_is_refused_by_the_fields_name(schema):
    """What cannot be expressed, found or fetched is the caller's to mend."""
    with pytest.raises(Refusal) as refused:
        schema_to_gbnf(schema, param="response_format")
    assert refused.value.error["param"] == "response_format"


@pytest.mark.parametrize("gbnf", ["root ::= missing", 'top ::= "a"', "root ::= root", 'root ::= "a'])
def test_an_unusable_grammar_is_refused_by_name(model, gbnf):
    """GBNF that does not parse, has no root or never ends is refused, and llama.cpp survives it."""
    with pytest.raises(Refusal) as refused:
        Grammar(model.vocabulary.handle, gbnf, param="grammar")
    assert refused.value.error["param"] == "grammar"
