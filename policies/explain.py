"""What a person reads when the schema refuses a value: found what, allowed what, where."""

import re
from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from policies.document import Document, Path, dotted
from policies.problems import Problem, did_you_mean, message

SHOWN = 60
SECRETS = frozenset({"api_key"})
CREDENTIALS = re.compile(r"//[^/@\s]+@")
_KINDS = {dict: "a mapping", list: "a list", type(None): "nothing"}


def explain(error: ValidationError, document: Document, schema: Mapping[str, Any]) -> list[Problem]:
    """One problem for each of pydantic's errors. schema: the JSON Schema of the whole file."""
    details = error.errors(include_url=False)
    own = [detail for detail in details if not _follows(detail, details)]
    return [_problem(detail, document, schema) for detail in own]


def _follows(detail: ErrorDetails, details: list[ErrorDetails]) -> bool:
    """Whether the error is only the echo of another: a list is short because its entries are wrong."""
    loc = detail["loc"]
    deeper = any(other["loc"][: len(loc)] == loc and len(other["loc"]) > len(loc) for other in details)
    return detail["type"] == "default_factory_not_called" or (detail["type"] == "too_short" and deeper)


def _problem(detail: ErrorDetails, document: Document, schema: Mapping[str, Any]) -> Problem:
    path = _in_file(detail["loc"], document)
    context = detail.get("ctx", {})
    kind = detail["type"]
    if kind == "mistake":
        path = (*path, *filter(None, str(context["at"]).split(".")))
        found, allowed = str(context["found"]), str(context["allowed"])
        if SECRETS & set(map(str, path)) or document.from_environment(path):
            found = shown(detail["input"], path, document)
    elif kind == "extra_forbidden":
        known = sorted(_keys(_at(schema, path[:-1])))
        found = f"unknown key '{path[-1]}'"
        allowed = ", ".join(known) + did_you_mean(str(path[-1]), known)
    elif kind == "missing":
        found, allowed = "nothing", _allowed(_at(schema, path), detail)
    else:
        found, allowed = shown(detail["input"], path, document), _allowed(_at(schema, path), detail)
        allowed += _closest(detail["input"], _at(schema, path))
    spot = document.spot(path, key=kind == "extra_forbidden" or "[key]" in detail["loc"])
    found = CREDENTIALS.sub("//***@", found)
    return Problem(document.name, spot.line, spot.column, dotted(path), message(found, allowed))


def shown(value: Any, path: Path, document: Document) -> str:
    """A value as a problem may print it: no secret, no value from the environment, not long."""
    if SECRETS & set(map(str, path)):
        return "***"
    if path in document.written:
        return f"'{document.written[path]}'"
    text = _KINDS.get(type(value)) or str(value)
    text = text if len(text) <= SHOWN else text[: SHOWN - 3] + "..."
    return f"'{text}'" if isinstance(value, str) else text.lower() if isinstance(value, bool) else text


def _in_file(loc: tuple[str | int, ...], document: Document) -> Path:
    """pydantic's location as the file has it: `tag.NAME` is one key, and a key's own error is at the key."""
    path = tuple(part for part in loc if part != "[key]")
    for index in range(len(path) - 1):
        joined = (*path[:index], f"{path[index]}.{path[index + 1]}", *path[index + 2 :])
        if path[index] == "tag" and joined in document.keys:
            return joined
    return path


def _at(schema: Mapping[str, Any], path: Path) -> Mapping[str, Any]:
    """The schema of what stands at the path; empty where the path leaves the schema."""
    here = _resolved(schema, schema)
    for part in path:
        if isinstance(part, int):
            below = here.get("items", {})
        else:
            below = here.get("properties", {}).get(part) or _named_freely(here, part)
        here = _resolved(below, schema)
    return here


def _named_freely(schema: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    """The schema of a key that the user names: a tier, a model, a tag."""
    for pattern, below in schema.get("patternProperties", {}).items():
        if "properties" not in schema or re.search(pattern, name):
            return dict(below)
    extra = schema.get("additionalProperties")
    return extra if isinstance(extra, Mapping) else {}


def _resolved(part: Mapping[str, Any], root: Mapping[str, Any]) -> Mapping[str, Any]:
    """Follow $ref, and leave out the null of an optional setting."""
    if "$ref" in part:
        target = root["$defs"][str(part["$ref"]).rsplit("/", 1)[-1]]
        return _resolved(target, root)
    options = [option for option in part.get("anyOf", []) if option.get("type") != "null"]
    if len(options) == 1:
        return _resolved({**options[0], **{k: v for k, v in part.items() if k != "anyOf"}}, root)
    return part


def _keys(schema: Mapping[str, Any]) -> set[str]:
    return set(schema.get("properties", {})) | ({"tag.NAME"} if "patternProperties" in schema else set())


def _allowed(schema: Mapping[str, Any], detail: ErrorDetails) -> str:
    if "x-allowed" in schema:
        return str(schema["x-allowed"])
    if "const" in schema:
        return str(schema["const"])
    if "enum" in schema:
        return "one of " + ", ".join(map(str, schema["enum"]))
    return _allowed_of_type(schema) or detail["msg"]


def _allowed_of_type(schema: Mapping[str, Any]) -> str:
    keys = ", ".join(sorted(_keys(schema)))
    texts = {
        "integer": _bounded("a whole number", schema),
        "number": _bounded("a number", schema),
        "string": f"text that matches {schema['pattern']}" if "pattern" in schema else "text",
        "boolean": "true or false",
        "array": "a list" + (" with at least one entry" if schema.get("minItems") else ""),
        "object": f"a mapping with {keys}" if keys else "a mapping with at least one entry",
    }
    return texts.get(str(schema.get("type")), "")


def _bounded(kind: str, schema: Mapping[str, Any]) -> str:
    low, above, high = schema.get("minimum"), schema.get("exclusiveMinimum"), schema.get("maximum")
    lower = f"above {above}" if above is not None else f"from {low}" if low is not None else ""
    upper = f"to {high}" if high is not None else ""
    return " ".join(part for part in (kind, lower, upper) if part)


def _closest(value: Any, schema: Mapping[str, Any]) -> str:
    return (
        did_you_mean(value, map(str, schema["enum"])) if isinstance(value, str) and "enum" in schema else ""
    )
