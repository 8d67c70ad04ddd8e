"""A fleet of three tiers, as text, as views and as compiled policies."""

from datetime import UTC, datetime
from typing import Any

from policies.decide import CompiledPolicy, compile_policy
from policies.load import ConfigError, loads
from policies.schema import Config
from policies.types import Facts, Predicted, TierView

ALL = frozenset({"chat", "completions", "embeddings", "tools", "images", "json", "logprobs"})
NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)  # a Saturday
EXAMPLE_ENV = {"SHORT_KEY": "x", "LONG_KEY": "x", "OPENAI_API_KEY": "x"}
PRICES = {"edge": (20.0, 60.0), "short": (100.0, 400.0), "long": (600.0, 2400.0)}
TIERS = """
tiers:
  edge: {engine: llama.cpp, model: bundled:edge}
  short: {engine: llama.cpp, model: bundled:short}
  long: {engine: llama.cpp, model: bundled:long}
"""


def config(more: str = "", *, tiers: str = TIERS) -> Config:
    return loads(tiers + more, "fleet.yaml", {})


def policy(yaml: str = "{}") -> CompiledPolicy:
    """The policy `default` of the fleet, from the flow mapping given."""
    return compile_policy(config(f"policies: {{default: {yaml}}}").policies["default"])


def problems(text: str | bytes, env: dict[str, str] | None = None) -> list[str]:
    """Every problem of a file, as a person reads it."""
    try:
        loads(text, "fleet.yaml", env or {})
    except ConfigError as error:
        return [str(problem) for problem in error.problems]
    return []


def view(name: str, **changes: Any) -> TierView:
    price = PRICES.get(name, (50.0, 50.0))
    values: dict[str, Any] = {
        "context": 8192,
        "needs_met": ALL,
        "input_nusd": price[0],
        "output_nusd": price[1],
        "capacity": 10,
        "output": name if name in ("short", "long") else "any",
    }
    return TierView(name=name, **{**values, **changes})


def views(**changes: dict[str, Any]) -> dict[str, TierView]:
    """The three tiers; `edge={"state": "down"}` changes one."""
    return {name: view(name, **changes.get(name, {})) for name in PRICES}


def asked(**changes: Any) -> Facts:
    values: dict[str, Any] = {
        "path": "/v1/chat/completions",
        "model": "auto",
        "prompt_tokens": 100,
        "turns": 1,
        "has_code": False,
        "has_tools": False,
        "has_images": False,
        "wants_json": False,
        "wants_logprobs": False,
        "language": "en",
        "stream": False,
        "n": 1,
        "max_tokens": None,
        "hour": 12,
        "weekday": 5,
    }
    return Facts(**{**values, **changes})


def predicts(
    edge: float = 0.5, short: float = 0.8, long: float = 0.9, *, p50: float = 100, p90: float = 200
) -> Predicted:
    return Predicted({"edge": edge, "short": short, "long": long}, p50, p90)
