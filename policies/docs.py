"""The page docs/configuration.md, made from the schema: `python -m policies.docs` prints it."""

import sys
from collections.abc import Iterator, Mapping
from typing import Any

from policies import shape
from policies.schema import json_schema

INTRODUCTION = """\
# Configuration

<!-- Made by `make docs` from policies/schema*.py; edit the descriptions there. -->

`tiergate serve --config FILE` reads one YAML file. Everything but `tiers` has a default, and unknown keys are errors.
`tiergate check --config FILE` tells every mistake as `file:line:column: field: found X, allowed Y` and exits with 2
where there is one. The examples in [configs/](../configs/) are tested; how rules, route, cascade and fallback
decide is told in [policies.md](policies.md).

- **Environment.** `${NAME}` inside any value is replaced by the environment variable of that name, and it is an error
  where it is not set; `${NAME:-default}` has a default. Values from the environment are never printed.
- **YAML.** Version 1.2's plain values: `true` and `false` are booleans, `yes`, `no`, `on` and `off` are text. A key
  that stands twice is an error. `<<: *name` takes over another mapping.
- **Editors.** [configs/tiergate.schema.json](../configs/tiergate.schema.json) is the JSON Schema. In VS Code the first
  line `# yaml-language-server: $schema=tiergate.schema.json` gives completion and checks.
- **Reload.** A change of the file, SIGHUP or `POST /admin/reload` loads it again; a file with a mistake changes
  nothing.
- **Not in this release.** `cache.semantic.enabled: true` and a `state.ledger` on PostgreSQL are refused with a
  sentence that says so.
"""

SECTIONS: tuple[tuple[str, tuple[str | int, ...]], ...] = (
    ("The file", ()),
    ("server", ("server",)),
    ("server.oidc", ("server", "oidc")),
    ("state", ("state",)),
    ("state.redis", ("state", "redis")),
    ("classifier", ("classifier",)),
    ("savings", ("savings",)),
    ("tiers.NAME", ("tiers", "NAME")),
    ("tiers.NAME.replicas[]", ("tiers", "NAME", "replicas", 0)),
    ("tiers.NAME.price", ("tiers", "NAME", "price")),
    ("tiers.NAME.price.over[]", ("tiers", "NAME", "price", "over", 0)),
    ("tiers.NAME.price.batch", ("tiers", "NAME", "price", "batch")),
    ("tiers.NAME.gpu", ("tiers", "NAME", "gpu")),
    ("tiers.NAME.gpu.rates", ("tiers", "NAME", "gpu", "rates")),
    ("tiers.NAME.timeouts", ("tiers", "NAME", "timeouts")),
    ("tiers.NAME.limits", ("tiers", "NAME", "limits")),
    ("tiers.NAME.options", ("tiers", "NAME", "options")),
    ("models.NAME", ("models", "NAME")),
    ("budgets[]", ("budgets", 0)),
    ("limits[]", ("limits", 0)),
    ("alerts", ("alerts",)),
    ("alerts.webhook", ("alerts", "webhook")),
    ("alerts.slack", ("alerts", "slack")),
    ("alerts.email", ("alerts", "email")),
    ("policies.NAME", ("policies", "NAME")),
    ("policies.NAME.rules[]", ("policies", "NAME", "rules", 0)),
    ("policies.NAME.rules[].when", ("policies", "NAME", "rules", 0, "when")),
    ("policies.NAME.route", ("policies", "NAME", "route")),
    ("policies.NAME.cascade", ("policies", "NAME", "cascade")),
    ("policies.NAME.fallback", ("policies", "NAME", "fallback")),
    ("policies.NAME.fallback.retry_budget", ("policies", "NAME", "fallback", "retry_budget")),
    ("policies.NAME.cache", ("policies", "NAME", "cache")),
    ("policies.NAME.cache.semantic", ("policies", "NAME", "cache", "semantic")),
)


def page() -> str:
    """The whole page, in Markdown."""
    schema = json_schema()
    return "\n".join([INTRODUCTION, *(line for title, path in SECTIONS for line in _section(schema, title, path))])


def _section(schema: Mapping[str, Any], title: str, path: tuple[str | int, ...]) -> Iterator[str]:
    here = shape.at(schema, path)
    yield f"## {title}"
    yield ""
    yield str(here["description"])
    yield ""
    yield "| setting | type | default | meaning |"
    yield "|---|---|---|---|"
    for name, setting in here["properties"].items():
        yield _row(name, setting, schema, required=name in here.get("required", ()))
    for setting in here.get("patternProperties", {}).values():
        yield _row("tag.NAME", setting, schema, required=False)
    yield ""


def _row(name: str, setting: Mapping[str, Any], schema: Mapping[str, Any], *, required: bool) -> str:
    meaning = setting.get("description") or shape.resolved(setting, schema)["description"]
    cells = (f"`{name}`", _type(setting, schema), _default(setting, required=required), meaning)
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def _type(setting: Mapping[str, Any], schema: Mapping[str, Any]) -> str:
    resolved = shape.resolved(setting, schema)
    if "properties" in resolved:
        return "mapping, see below"
    if resolved.get("type") == "array":
        return f"list of {_entries(resolved['items'], schema)}"
    if resolved.get("type") == "object":
        return "mapping of names, see below"
    return shape.allowed(resolved)


def _entries(items: Mapping[str, Any], schema: Mapping[str, Any]) -> str:
    resolved = shape.resolved(items, schema)
    return (
        "mappings, see below" if resolved.get("type") == "object" else shape.allowed(resolved).removeprefix("one of ")
    )


def _default(setting: Mapping[str, Any], *, required: bool) -> str:
    if required:
        return "required"
    default = setting.get("default")
    if default in (None, "", [], {}) or isinstance(default, dict):
        return ""
    if isinstance(default, list):
        return f"`[{', '.join(map(str, default))}]`"
    return f"`{str(default).lower() if isinstance(default, bool) else default}`"


if __name__ == "__main__":
    sys.stdout.write(page())
