"""Mistakes in a file, each told with its place, what was found and what is allowed."""

import textwrap

import pytest

from policies.load import ConfigError, load, loads
from tests.policies.fleet import problems

EDGE = "tiers:\n  edge: {engine: llama.cpp, model: m}\n"
SERVER = "tiers:\n  s:\n    engine: vllm\n    model: m\n    replicas: [{url: 'http://h:1/v1'}]\n"
RULE = EDGE + "policies:\n  default:\n    rules:\n      - {name: r, use: [edge], when: {%s}}\n"
NUMBERS = 'a whole number, a comparison such as ">2000" or a range such as "200..500"'

MISTAKES = {
    "unknown key": (
        "tiers:\n  edge:\n    engine: llama.cpp\n    model: m\n    contxt: 1\n",
        (
            "5:5: tiers.edge.contxt: found unknown key 'contxt', allowed api_key, capabilities, context, engine, gpu, "
            "limits, model, options, output, price, rated_as, replicas, timeouts, tokenizer (did you mean 'context'?)"
        ),
    ),
    "unknown top key": (
        EDGE + "budget: []\n",
        (
            "3:1: budget: found unknown key 'budget', allowed budgets, classifier, models, policies, server, state, tiers, "
            "version (did you mean 'budgets'?)"
        ),
    ),
    "no tiers": ("version: 1\n", "1:1: tiers: found nothing, allowed a mapping with at least one entry"),
    "empty tiers": ("tiers: {}\n", "1:8: tiers: found an empty mapping, allowed a mapping with at least one entry"),
    "missing engine": (
        "tiers:\n  edge: {model: m}\n",
        (
            "2:3: tiers.edge.engine: found nothing, allowed one of llama.cpp, vllm, sglang, tgi, triton, lmdeploy, ollama, "
            "llama-server, openai, litellm"
        ),
    ),
    "unknown engine": (
        "tiers:\n  edge: {engine: vlm, model: m}\n",
        (
            "2:18: tiers.edge.engine: found 'vlm', allowed one of llama.cpp, vllm, sglang, tgi, triton, lmdeploy, ollama, "
            "llama-server, openai, litellm (did you mean 'vllm'?)"
        ),
    ),
    "wrong version": ("version: 2\n" + EDGE, "1:10: version: found 2, allowed 1"),
    "text for a number": (
        EDGE + "server: {port: eighty}\n",
        "3:16: server.port: found 'eighty', allowed a whole number from 0 to 65535",
    ),
    "number too large": (
        EDGE + "server:\n  port: 70000\n",
        "4:9: server.port: found 70000, allowed a whole number from 0 to 65535",
    ),
    "fraction for a whole number": (
        EDGE + "server: {port: 80.5}\n",
        "3:16: server.port: found 80.5, allowed a whole number from 0 to 65535",
    ),
    "boolean for a number": (
        EDGE + "classifier: {deadline_ms: true}\n",
        "3:27: classifier.deadline_ms: found true, allowed a number",
    ),
    "number for a boolean": (
        RULE % "has_code: 5",
        "6:49: policies.default.rules[0].when.has_code: found 5, allowed true or false",
    ),
    "negative price": (
        "tiers:\n  e: {engine: litellm, model: m, price: {input: -1, output: 2}}\n",
        "2:49: tiers.e.price.input: found -1, allowed a number from 0 to 1000000",
    ),
    "endless price": (
        "tiers:\n  e: {engine: litellm, model: m, price: {input: .inf, output: 2}}\n",
        "2:49: tiers.e.price.input: found '.inf', allowed a number from 0 to 1000000",
    ),
    "price and gpu": (
        (
            "tiers:\n  e:\n    engine: llama.cpp\n    model: m\n    price: {input: 1, output: 1}\n"
            "    gpu: {kind: a, usd_per_hour: 1, tokens_per_second: 1}\n"
        ),
        "6:10: tiers.e.gpu: found both 'price' and 'gpu', allowed one of them",
    ),
    "server without replicas": (
        "tiers:\n  s: {engine: vllm, model: m}\n",
        "2:3: tiers.s.replicas: found none, allowed one or more [{url: ...}] for engine vllm",
    ),
    "litellm with replicas": (
        "tiers:\n  s: {engine: litellm, model: m, replicas: [{url: 'http://h'}]}\n",
        "2:44: tiers.s.replicas: found replicas, allowed none for engine litellm: the provider is in the model's name",
    ),
    "address without scheme": (
        SERVER.replace("http://h:1/v1", "h:1/v1"),
        "5:22: tiers.s.replicas[0].url: found 'h:1/v1', allowed an address such as http://10.0.0.4:8000/v1",
    ),
    "options of a server": (
        SERVER + "    options: {threads: 1}\n",
        "6:14: tiers.s.options: found options, allowed none for engine vllm on a server: they belong to its start command",
    ),
    "unknown option": (
        "tiers:\n  e: {engine: llama.cpp, model: m, options: {thread: 1}}\n",
        (
            "2:46: tiers.e.options.thread: found unknown key 'thread', allowed batch, flash_attention, gpu_layers, "
            "kv_tokens, slots, threads, ubatch (did you mean 'threads'?)"
        ),
    ),
    "tier that does not exist": (
        EDGE + "models: {x: {tier: egde}}\n",
        "3:20: models.x.tier: found 'egde', allowed a name under 'tiers': edge (did you mean 'edge'?)",
    ),
    "policy that does not exist": (
        EDGE + "models: {x: {policy: defult}}\n",
        "3:22: models.x.policy: found 'defult', allowed a name under 'policies': default (did you mean 'default'?)",
    ),
    "model of neither": (
        EDGE + "models: {x: {}}\n",
        "3:13: models.x: found neither, allowed exactly one of 'policy' and 'tier'",
    ),
    "name that is no name": (
        "tiers:\n  'a b': {engine: llama.cpp, model: m}\n",
        "2:3: tiers.a b: found 'a b', allowed a name that matches ^[A-Za-z0-9][A-Za-z0-9._:/@-]*$",
    ),
    "comparison": (
        RULE % 'prompt_tokens: "=> 5"',
        f"6:54: policies.default.rules[0].when.prompt_tokens: found '=> 5', allowed {NUMBERS}",
    ),
    "range backwards": (
        RULE % 'turns: "9..2"',
        (
            "6:46: policies.default.rules[0].when.turns: found '9..2', allowed a range from the lower to the higher, such as "
            '"2..9"'
        ),
    ),
    "hour": (
        RULE % "hour: 24",
        (
            '6:45: policies.default.rules[0].when.hour: found 24, allowed an hour from 0 to 23, or a range such as "9..17" '
            'or "22..5"'
        ),
    ),
    "weekday": (
        RULE % "weekday: [mon, freitag]",
        (
            "6:48: policies.default.rules[0].when.weekday: found 'freitag', allowed one of mon, tue, wed, thu, fri, sat, "
            'sun, or a range such as "mon..fri"'
        ),
    ),
    "tag of nothing": (
        RULE % "tag.workload: []",
        (
            "6:53: policies.default.rules[0].when.tag.workload: found an empty list, allowed text, in which * stands for "
            "anything, or a list of such texts"
        ),
    ),
    "rule without use": (
        EDGE + "policies:\n  default:\n    rules:\n      - {name: r}\n",
        "6:9: policies.default.rules[0].use: found nothing, allowed a list with at least one entry",
    ),
    "fallback word": (
        EDGE + "policies:\n  default:\n    fallback: {on: [429, timeot]}\n",
        (
            "5:26: policies.default.fallback.on[1]: found 'timeot', allowed one of timeout, 429, 5xx, reset, stream_cut, "
            "overloaded, context, refused, config (did you mean 'timeout'?)"
        ),
    ),
    "time zone": (
        EDGE + "server: {timezone: Berlin}\n",
        "3:20: server.timezone: found 'Berlin', allowed UTC or a name of the time zone database, such as Europe/Berlin",
    ),
    "mapping for a list": (
        EDGE + "policies:\n  default:\n    rules: {name: r}\n",
        "5:12: policies.default.rules: found a mapping, allowed a list",
    ),
    "PostgreSQL": (
        EDGE + "state: {ledger: 'postgresql://h/d'}\n",
        (
            "3:17: state.ledger: found a PostgreSQL address, allowed sqlite:///PATH: PostgreSQL is not available in this "
            "release"
        ),
    ),
    "Redis": (
        EDGE + "state: {shared: 'redis://h'}\n",
        "3:17: state.shared: found a Redis address, allowed memory: Redis is not available in this release",
    ),
    "budgets": (
        EDGE + "budgets: [{scope: team:a, limit_usd: 5}]\n",
        "3:10: budgets: found budgets, allowed none: budgets are not available in this release",
    ),
    "semantic cache": (
        EDGE + "policies: {default: {cache: {semantic: {enabled: true}}}}\n",
        (
            "3:50: policies.default.cache.semantic.enabled: found true, allowed false: the semantic cache is not available "
            "in this release"
        ),
    ),
}


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
        "tiers: {s: {engine: llama.cpp, model: m}}\npolicies: {default: {rules: [{name: r, use: [s], when: {hour: ['${K}']}}]}}",
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


def test_other_addresses_need_keys_or_the_option():
    """What others can reach is not open by accident."""
    text = EDGE + "server: {host: 0.0.0.0}\n"
    assert problems(text) == [
        (
            "fleet.yaml:3:16: server.host: found '0.0.0.0' without keys, allowed 127.0.0.1, or 'auth: keys', or the option "
            "--insecure"
        )
    ]
    assert loads(text, "f", {}, insecure=True).server.host == "0.0.0.0"
    assert loads(text.replace("0}", "0, auth: keys}"), "f", {}).server.auth == "keys"
