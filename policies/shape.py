"""The shape of the configuration: its JSON Schema, walked and put into words."""

import re
from collections.abc import Mapping
from typing import Any

from policies.document import Path
from policies.problems import did_you_mean


def at(schema: Mapping[str, Any], path: Path) -> Mapping[str, Any]:
    """The schema of what stands at the path; empty where the path leaves the schema."""
    here = resolved(schema, schema)
    for part in path:
        if isinstance(part, int):
            below = here.get("items", {})
        else:
            below = here.get("properties", {}).get(part) or _named_freely(here, part)
        here = resolved(below, schema)
    return here


def _named_freely(schema: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    """The schema of a key that the user names: a tier, a model, a tag."""
    for pattern, below in schema.get("patternProperties", {}).items():
        if "properties" not in schema or re.search(pattern, name):
            return dict(below)
    extra = schema.get("additionalProperties")
    return extra if isinstance(extra, Mapping) else {}


def resolved(part: Mapping[str, Any], root: Mapping[str, Any]) -> Mapping[str, Any]:
    """Follow $ref, and leave out the null of an optional setting."""
    if "$ref" in part:
        target = root["$defs"][str(part["$ref"]).rsplit("/", 1)[-1]]
        return resolved(target, root)
    options = [option for option in part.get("anyOf", []) if option.get("type") != "null"]
    if len(options) == 1:
        return resolved({**options[0], **{k: v for k, v in part.items() if k != "anyOf"}}, root)
    return part


def keys(schema: Mapping[str, Any]) -> set[str]:
    """The keys of a mapping, as an owner writes them."""
    named = set(schema.get("properties", {}))
    return named | {"tag.NAME"} if named and "patternProperties" in schema else named


def names(schema: Mapping[str, Any]) -> str:
    """What the keys of a mapping may be where the owner chooses them, in words."""
    patterns = schema.get("patternProperties", {})
    return f"a name that matches {' or '.join(patterns)}" if patterns else "a name of 1 to 128 characters"


def allowed(schema: Mapping[str, Any]) -> str:
    """What may stand there, in words; empty where the schema does not say."""
    if "x-allowed" in schema:
        return str(schema["x-allowed"])
    if "const" in schema:
        return str(schema["const"])
    if "enum" in schema:
        return "one of " + ", ".join(dict.fromkeys(map(str, schema["enum"])))
    return _allowed_of_type(schema)


def closest(value: Any, schema: Mapping[str, Any]) -> str:
    """A guess at which of the allowed words was meant."""
    return did_you_mean(value, map(str, schema.get("enum", ()))) if isinstance(value, str) else ""


def _allowed_of_type(schema: Mapping[str, Any]) -> str:
    names = ", ".join(sorted(keys(schema)))
    texts = {
        "integer": _bounded("a whole number", schema),
        "number": _bounded("a number", schema),
        "string": f"text that matches {schema['pattern']}" if "pattern" in schema else "text",
        "boolean": "true or false",
        "array": "a list" + (" with at least one entry" if schema.get("minItems") else ""),
        "object": f"a mapping with {names}" if names else "a mapping with at least one entry",
    }
    return texts.get(str(schema.get("type")), "")


def _bounded(kind: str, schema: Mapping[str, Any]) -> str:
    low, above, high = schema.get("minimum"), schema.get("exclusiveMinimum"), schema.get("maximum")
    lower = f"above {above}" if above is not None else f"from {low}" if low is not None else ""
    upper = f"to {high}" if high is not None else ""
    return " ".join(part for part in (kind, lower, upper) if part)
