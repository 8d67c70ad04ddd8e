"""Loading: from a configuration file to a `Config`, or to every mistake in it at once."""

from collections.abc import Mapping
from pathlib import Path

from pydantic import ValidationError

from policies.document import MAX_BYTES, Document, parse
from policies.explain import explain
from policies.lint import lint
from policies.problems import ConfigError, Problem
from policies.schema import Config, Model, json_schema
from policies.schema_policies import Policy
from policies.schema_tiers import Tier

__all__ = ["ConfigError", "Problem", "load", "loads"]


def load(path: Path, env: Mapping[str, str], *, insecure: bool = False) -> Config:
    """Read and check a file. insecure: allow an address that others reach without keys.

    Raises ConfigError with every problem; also where the file cannot be read.
    """
    try:
        with path.open("rb") as file:
            raw = file.read(MAX_BYTES + 1)
    except OSError as error:
        found = f"no readable file ({error.strerror})"
        raise ConfigError([Problem(str(path), 1, 1, "", f"found {found}, allowed the path of a YAML file")]) from None
    return loads(raw, str(path), env, insecure=insecure)


def loads(text: str | bytes, name: str, env: Mapping[str, str], *, insecure: bool = False) -> Config:
    """The same from text. name: what problems call the file. Raises ConfigError."""
    document = parse(text, name, env)
    if not isinstance(document.data, dict):
        raise ConfigError(document.problems)
    try:
        config = completed(Config.model_validate(document.data, context=_names(document)))
    except ValidationError as error:
        problems = [*document.problems, *explain(error, document, json_schema())]
    else:
        problems = [*document.problems, *lint(config, document, insecure=insecure)]
    if problems:
        raise ConfigError(sorted(set(problems), key=lambda problem: (problem.line, problem.column, problem.field)))
    return config


def completed(config: Config) -> Config:
    """The same with what the file leaves out.

    That is the policy `default`, the model `auto`, the pinned models, each policy's candidates, safe tier and
    fallback order, and what tiers derive from their names.
    """
    names = tuple(config.tiers)
    tiers = {name: _completed_tier(name, tier) for name, tier in config.tiers.items()}
    policies = {"default": Policy(), **config.policies}
    policies = {name: _completed_policy(policy, names) for name, policy in policies.items()}
    pinned = {} if config.models else {name: Model(tier=name) for name in names}
    models = {"auto": Model(policy="default"), **pinned, **config.models}
    return config.model_copy(update={"tiers": tiers, "policies": policies, "models": models})


def _completed_tier(name: str, tier: Tier) -> Tier:
    by_name = name if name in ("short", "long") else "any"
    output = tier.output if "output" in tier.model_fields_set else by_name
    return tier.model_copy(update={"output": output, "rated_as": tier.rated_as or name})


def _completed_policy(policy: Policy, tiers: tuple[str, ...]) -> Policy:
    candidates = policy.route.candidates or tiers
    safe = policy.route.safe or candidates[-1]
    given = "order" in policy.fallback.model_fields_set
    order = policy.fallback.order if given else candidates
    cascade = policy.cascade
    if cascade is not None and not cascade.then:
        then = tuple(name for name in candidates if name != cascade.first)
        cascade = cascade.model_copy(update={"then": then})
    return policy.model_copy(
        update={
            "route": policy.route.model_copy(update={"candidates": candidates, "safe": safe}),
            "cascade": cascade,
            "fallback": policy.fallback.model_copy(update={"order": order}),
        }
    )


def _names(document: Document) -> dict[str, tuple[str, ...]]:
    """The tiers and policies that the file defines, right or wrong, so that one mistake is not told twice."""
    tiers, policies = document.data.get("tiers"), document.data.get("policies")
    return {
        "tiers": tuple(tiers) if isinstance(tiers, dict) else (),
        "policies": tuple({"default": None, **policies} if isinstance(policies, dict) else {"default": None}),
    }
