"""Mistakes in a file, each told with its place, what was found and what is allowed."""

import re
import textwrap
from pathlib import Path

import pytest

from policies.load import ConfigError, load, loads
from tests.policies.fleet import problems

EDGE = "tiers:\n  edge: {engine: llama.cpp, model: m}\n"


def mistakes() -> dict[str, tuple[str, str]]:
    """Files and what is told of them, from mistakes.txt: `## name`, the file, `>> ` and the problem."""
    blocks = (Path(__file__).parent / "mistakes.txt").read_text().split("## ")[1:]
    parts = (re.fullmatch(r"(.+?)\n(.*)>> (.+?)\n+", block, re.DOTALL) for block in blocks)
    return {part[1]: (part[2], part[3]) for part in parts}


MISTAKES = mistakes()


@pytest.mark.parametrize("name", MISTAKES)
def test_a_mistake_is_told_at_its_place(name: str):
    """One line per mistake: file, line, column, field, what was found, what is allowed."""
    text, told = MISTAKES[name]
    assert problems(text) == [f"fleet.yaml:{told}"]


def test_all_mistakes_are_told_at_once_in_the_order_of_the_file():
    """Wrong keys, values, names and YAML keys that stand twice need one run of `check`, not four."""
    text = textwrap.dedent("""\
        version: 3
        version: 1
        tiers:
          edge: {engine: llama.cpp, model: m, contxt: 1}
          short: {engine: vllm, model: m}
        models: {a: {tier: lnog}}
        policies:
          default: {rules: [{name: r, use: [edge], when: {hour: 99}}]}
        """)
    places = [problem.split(": ", 1)[0] for problem in problems(text)]
    assert places == [f"fleet.yaml:{p}" for p in ("1:10", "2:1", "4:39", "5:3", "6:20", "8:57")]


def test_only_what_is_wrong_is_told():
    """A tier with a mistake still exists for those that name it, and a list's wrong entry is told once."""
    text = EDGE.replace("}", ", x: 1}") + "policies: {default: {rules: [{name: r, use: [edge, egde]}]}}\n"
    assert [problem.split(": ")[1] for problem in problems(text)] == [
        "tiers.edge.x",
        "policies.default.rules[0].use[1]",
    ]


def test_a_file_that_is_not_there_is_a_problem_too(tmp_path):
    """Reading fails in the same words as checking."""
    with pytest.raises(ConfigError, match=r"none\.yaml:1:1: -: found no readable file \(No such file"):
        load(tmp_path / "none.yaml", {})


@pytest.mark.parametrize(
    "text",
    [
        "tiers: {s: {engine: vllm, model: m, api_key: [sk-secret]}}",
        "tiers: {s: {engine: vllm, model: m, api_key: {x: sk-secret}}}",
        "tiers: {s: {engine: ${K}, model: m}}",
        "tiers: {s: {engine: vllm, model: m, replicas: [{url: '${K}'}]}}",
        "tiers: {s: {engine: vllm, model: m, replicas: [{url: 'http://u:sk-secret@h:port'}]}}",
        EDGE + "policies: {default: {rules: [{name: r, use: [edge], when: {hour: ['${K}']}}]}}",
    ],
)
def test_secrets_are_never_printed(text: str):
    """Neither keys, nor values from the environment, nor passwords in addresses stand in a problem."""
    told = problems(text, {"K": "sk-secret"})
    assert told
    assert "sk-secret" not in "".join(told)


def test_a_config_does_not_print_its_keys():
    """The key of a tier is not in the configuration's repr."""
    made = loads("tiers: {s: {engine: litellm, model: m, api_key: ${K}}}", "f", {"K": "sk-secret"})
    assert "sk-secret" not in repr(made)
    assert made.tiers["s"].api_key.get_secret_value() == "sk-secret"


@pytest.mark.parametrize("host", ["127.0.0.1", "127.0.0.9", "::1", "localhost"])
def test_this_machines_own_addresses_need_no_keys(host: str):
    """Nobody else reaches them."""
    assert problems(EDGE + f"server: {{host: '{host}'}}\n") == []


def test_other_addresses_need_keys_or_the_option():
    """What others can reach is not open by accident."""
    text = EDGE + "server: {host: 0.0.0.0}\n"
    [told] = problems(text)
    assert told.startswith(
        "fleet.yaml:3:16: server.host: found '0.0.0.0' without keys, allowed 127.0.0.1, or 'auth: keys'"
    )
    assert loads(text, "f", {}, insecure=True).server.host == "0.0.0.0"
    assert loads(text.replace("0}", "0, auth: keys}"), "f", {}).server.auth == "keys"
