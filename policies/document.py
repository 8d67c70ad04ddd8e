"""A YAML document whose every value knows its place in the file and how it was written there."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

import yaml
from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from policies.problems import Problem, message

Path = tuple[str | int, ...]

MAX_BYTES = 262_144
MAX_NODES = 50_000  # counted after aliases are expanded
CORE = "tag:yaml.org,2002:"
CORE_TAGS = frozenset({"null", "bool", "int", "float", "str", "timestamp", "value", "merge"})  # what PyYAML guesses
OPEN, CLOSE = (
    "\ue000",
    "\ue001",
)  # stand for the braces of ${NAME} while YAML is read, so that flow mappings allow them
REFERENCE = re.compile(r"\$\{([^{}\n]*)\}")
HIDDEN_REFERENCE = re.compile(rf"\${OPEN}([^{OPEN}{CLOSE}]*){CLOSE}")
VARIABLE = re.compile(r"([A-Za-z_][A-Za-z0-9_]*)(?::-(.*))?", re.DOTALL)
INTEGER = re.compile(r"[-+]?[0-9]{1,18}")
DECIMAL = re.compile(r"[-+]?(?:\.[0-9]{1,18}|[0-9]{1,18}(?:\.[0-9]{0,18})?)(?:[eE][-+]?[0-9]{1,2})?")
WORDS: Mapping[str, bool | None] = {
    "true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False,
    "null": None, "Null": None, "NULL": None, "~": None, "": None,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Spot:
    """Where something stands, from 1."""

    line: int
    column: int


@dataclass
class Document:
    """A parsed file.

    data: plain mappings, lists, texts, integers, Decimals, booleans and None, with ${NAME} replaced.
    keys, values: the spots of each path's key and value. written: values that came from the environment, as
    the file has them. problems: what is wrong with the YAML itself.
    """

    name: str
    data: Any = None
    keys: dict[Path, Spot] = field(default_factory=dict)
    values: dict[Path, Spot] = field(default_factory=dict)
    written: dict[Path, str] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)

    def spot(self, path: Path, *, key: bool = False) -> Spot:
        """Where the path's value (or key) stands; else the nearest thing around it."""
        if not key and path in self.values:
            return self.values[path]
        while path and path not in self.keys and path not in self.values:
            path = path[:-1]
        return self.keys.get(path) or self.values.get(path) or Spot(1, 1)

    def from_environment(self, path: Path) -> bool:
        """Whether the path's value, or anything in it, came from the environment."""
        return any(written[: len(path)] == path for written in self.written)

    def report(self, path: Path, found: str, allowed: str, *, spot: Spot | None = None) -> None:
        where = spot or self.spot(path)
        self.problems.append(Problem(self.name, where.line, where.column, dotted(path), message(found, allowed)))


def dotted(path: Path) -> str:
    """`tiers.edge.replicas[0].url`."""
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
    return text


def parse(raw: str | bytes, name: str, env: Mapping[str, str]) -> Document:
    """Read YAML 1.2's plain values (`yes`, `on` and `no` are text). Never raises; see `Document.problems`."""
    document = Document(name)
    text = _decoded(raw, document)
    if document.problems:
        return document
    try:
        node = yaml.compose(REFERENCE.sub(rf"${OPEN}\1{CLOSE}", text), Loader=yaml.SafeLoader)
    except yaml.MarkedYAMLError as error:
        _syntax(document, error)
    except yaml.reader.ReaderError as error:
        spot = _spot_of_offset(text, error.position)
        document.report((), f"the character #x{ord(text[error.position]):04x}", "printable text", spot=spot)
    except RecursionError:
        document.report((), "values nested too deeply", "at most some hundred levels", spot=Spot(1, 1))
    else:
        _Reader(document, env).read_root(node)
    return document


def _decoded(raw: str | bytes, document: Document) -> str:
    if len(raw) > MAX_BYTES:
        document.report((), f"a file of {len(raw):,} bytes", f"at most {MAX_BYTES:,} bytes", spot=Spot(1, 1))
        return ""
    if isinstance(raw, str):
        return raw.removeprefix("\ufeff")
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = raw[: error.start].decode("utf-8", "replace")
        spot = _spot_of_offset(before, len(before))
        document.report((), f"the byte 0x{raw[error.start]:02x}", "text in UTF-8", spot=spot)
        return ""


def _spot_of_offset(text: str, offset: int) -> Spot:
    before = text[:offset]
    return Spot(before.count("\n") + 1, offset - before.rfind("\n"))


def _syntax(document: Document, error: yaml.MarkedYAMLError) -> None:
    mark = error.problem_mark or error.context_mark
    spot = Spot(mark.line + 1, mark.column + 1) if mark else Spot(1, 1)
    said = " ".join(part for part in (error.problem, error.context) if part)
    document.report((), f"broken YAML: {restored(said)}", "valid YAML", spot=spot)


def restored(text: str) -> str:
    """The text as it stands in the file."""
    return text.replace(OPEN, "{").replace(CLOSE, "}")


class _Reader:
    """Turns YAML nodes into plain values, noting where each stands."""

    def __init__(self, document: Document, env: Mapping[str, str]) -> None:
        self.document = document
        self.env = env
        self.nodes = 0
        self.open: set[int] = set()

    def read_root(self, node: Node | None) -> None:
        if isinstance(node, MappingNode):
            self.document.values[()] = Spot(1, 1)
            self.document.data = self.read(node, ())
            return
        found = "an empty file" if node is None else _kind(node)
        self.document.report((), found, "a mapping that begins with 'tiers:' or 'version: 1'", spot=Spot(1, 1))

    def read(self, node: Node, path: Path) -> Any:
        spot = _spot(node)
        if path:
            self.document.values[path] = spot
        self.nodes += 1
        if self.nodes > MAX_NODES:
            if self.nodes == MAX_NODES + 1:
                self.document.report(path, "more values than a configuration has", f"at most {MAX_NODES:,} values")
            return None
        if id(node) in self.open or len(path) > 50:
            self.document.report(path, "a value that contains itself or is nested too deeply", "at most 50 levels")
            return None
        if isinstance(node, ScalarNode):
            return self.scalar(node, path)
        self.open.add(id(node))
        try:
            return self.mapping(node, path) if isinstance(node, MappingNode) else self.sequence(node, path)
        finally:
            self.open.discard(id(node))

    def sequence(self, node: Node, path: Path) -> list[Any]:
        return [self.read(item, (*path, index)) for index, item in enumerate(node.value)]

    def mapping(self, node: MappingNode, path: Path) -> dict[str, Any]:
        merged: dict[str, Any] = {}
        made: dict[str, Any] = {}
        for key, value in node.value:
            if not isinstance(key, ScalarNode):
                self.document.report(path, f"{_kind(key)} as a key", "text as a key", spot=_spot(key))
            elif key.value == "<<" and not key.style:
                merged.update(self.merge(value, path))
            else:
                self.entry(made, restored(key.value), key, value, path)
        return {**merged, **made}

    def entry(self, made: dict[str, Any], name: str, key: Node, value: Node, path: Path) -> None:
        here = (*path, name)
        if name in made:
            first = self.document.keys[here].line
            self.document.report(here, f"the key '{name}' again", f"it once (first in line {first})", spot=_spot(key))
            return
        self.document.keys[here] = _spot(key)
        made[name] = self.read(value, here)

    def merge(self, node: Node, path: Path) -> dict[str, Any]:
        """The mapping that `<<: *name` brings in; keys written beside it win."""
        if isinstance(node, MappingNode):
            own = self.document.values[path]
            read = self.read(node, path)
            self.document.values[path] = own
            return read if isinstance(read, dict) else {}
        self.document.report(path, f"{_kind(node)} after '<<'", "a mapping, as *name", spot=_spot(node))
        return {}

    def scalar(self, node: ScalarNode, path: Path) -> Any:
        if node.tag.removeprefix(CORE) not in CORE_TAGS:
            self.document.report(path, f"the tag '{restored(node.tag)}'", "plain YAML without tags", spot=_spot(node))
            return None
        if HIDDEN_REFERENCE.search(node.value):
            self.document.written[path] = restored(node.value)
            return HIDDEN_REFERENCE.sub(lambda match: self.variable(match[1], path), node.value)
        text = restored(node.value)
        return text if node.style else _plain(text)

    def variable(self, inside: str, path: Path) -> str:
        match = VARIABLE.fullmatch(inside)
        if match is None:
            self.document.report(path, f"'${{{inside}}}'", "${NAME} or ${NAME:-default}")
            return ""
        value = self.env.get(match[1])
        if match[2] is not None:
            return value or match[2]
        if value is None:
            self.document.report(
                path,
                f"${{{match[1]}}}, which is not set",
                f"an environment with {match[1]}, or ${{{match[1]}:-default}}",
            )
        return value or ""


def _plain(text: str) -> Any:
    if text in WORDS:
        return WORDS[text]
    if INTEGER.fullmatch(text):
        return int(text)
    return Decimal(text) if DECIMAL.fullmatch(text) else text


def _spot(node: Node) -> Spot:
    return Spot(node.start_mark.line + 1, node.start_mark.column + 1)


def _kind(node: Node) -> str:
    if isinstance(node, MappingNode):
        return "a mapping"
    return "a list" if isinstance(node, SequenceNode) else "a single value"
