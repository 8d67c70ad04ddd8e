"""The names that sums are asked by, and which rollup has them together."""

from collections.abc import Iterable, Mapping, Sequence

from router.ledger.cubes import MAIN, REPLICAS, ROUTES, TAGS, TEAMS, Cube
from router.ledger.sqlite import LedgerError

_TAG = "tag."
_COLUMNS = {
    "team": "team",
    "key": "key_id",
    "user": "user",
    "tier": "tier",
    "model": "model",
    "asked": "client_model",
    "decision": "decision",
    "policy": "policy",
    "cache": "cache",
    "status": "status",
    "path": "path",
    "replica": "replica",
    "kind": "kind",
    "end": "outcome",
}
DIMENSIONS = (*_COLUMNS, "tag.NAME")


def is_tag(name: str) -> bool:
    return name.startswith(_TAG)


def column(name: str) -> str:
    """A group's column for a dimension."""
    return "value" if is_tag(name) else _COLUMNS[name]


def matching(where: Mapping[str, str], by: Iterable[str] = ()) -> dict[str, str]:
    """Column of a group to the value that it must have; a tag that is grouped by must at least be there."""
    values = {column(name): value for name, value in where.items()}
    for name in (*by, *where):
        if is_tag(name):
            values["name"] = name.removeprefix(_TAG)
    return values


def cube_for(names: Iterable[str], cubes: Sequence[Cube] = (TEAMS, ROUTES, MAIN, REPLICAS)) -> Cube:
    """The first rollup that has all these dimensions together. Raises LedgerError where none has."""
    asked = set(names)
    tags = {name for name in asked if is_tag(name)}
    unknown = sorted(name for name in asked - tags if name not in _COLUMNS)
    if unknown:
        raise LedgerError(f"cannot group by {unknown[0]!r}: allowed are {', '.join(DIMENSIONS)}")
    if len(tags) > 1:
        raise LedgerError(f"cannot group by two tags at once: found {', '.join(sorted(tags))}")
    candidates = (TAGS,) if tags else cubes
    wanted = {column(name) for name in asked}
    for cube in candidates:
        if wanted <= set(cube.dimensions):
            return cube
    widest = [cube for cube in candidates if cube not in (TEAMS, ROUTES)]
    allowed = "; or ".join(", ".join(_names_of(cube)) for cube in widest)
    raise LedgerError(f"cannot group by {', '.join(sorted(asked))} together: allowed together are {allowed}")


def _names_of(cube: Cube) -> list[str]:
    tag = ["tag.NAME"] if "value" in cube.dimensions else []
    return tag + [name for name, column in _COLUMNS.items() if column in cube.dimensions]
