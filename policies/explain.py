"""What a person reads when the schema refuses a value: found what, allowed what, where."""

import re
from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from policies import shape
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
    kind, context = detail["type"], detail.get("ctx", {})
    if kind == "mistake":
        found, allowed = _told(detail, path, document)
        path = (*path, *filter(None, [str(context["at"])]))
    elif kind == "extra_forbidden":
        known = sorted(shape.keys(shape.at(schema, path[:-1])))
        found = f"unknown key '{path[-1]}'"
        allowed = ", ".join(known) + did_you_mean(str(path[-1]), known)
    elif "[key]" in detail["loc"]:
        found, allowed = f"'{path[-1]}'", shape.names(shape.at(schema, path[:-1]))
    else:
        asked = shape.at(schema, path)
        found = "nothing" if kind == "missing" else shown(detail["input"], path, document)
        allowed = (shape.allowed(asked) or detail["msg"]) + shape.closest(detail["input"], asked)
    spot = document.spot(path, key=kind == "extra_forbidden" or "[key]" in detail["loc"])
    return Problem(document.name, spot.line, spot.column, dotted(path), message(_masked(found), allowed))


def _told(detail: ErrorDetails, path: Path, document: Document) -> tuple[str, str]:
    """What a validator of ours said, without a value that must not be shown."""
    context = detail["ctx"]
    private = not context["at"] and (_secret(path) or document.from_environment(path))
    return shown(detail["input"], path, document) if private else context["found"], context["allowed"]


def _secret(path: Path) -> bool:
    return not SECRETS.isdisjoint(map(str, path))


def _masked(text: str) -> str:
    """Without the user and password of an address."""
    return CREDENTIALS.sub("//***@", text)


def shown(value: Any, path: Path, document: Document) -> str:
    """A value as a problem may print it: no secret, no value from the environment, not long."""
    if _secret(path):
        return "***"
    if path in document.written:
        return f"'{document.written[path]}'"
    if value in ({}, []):
        return f"an empty {'list' if value == [] else 'mapping'}"
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
