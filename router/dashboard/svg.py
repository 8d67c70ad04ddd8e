"""Small drawings made on the server: sparklines and the flow of requests."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Spark:
    line: str
    area: str


def spark(values: Sequence[float | None], width: int = 72, height: int = 26) -> Spark | None:
    """The paths of a sparkline; None with fewer than two values."""
    known = [0.0 if value is None else float(value) for value in values]
    if len(known) < 2 or max(known) <= 0:
        return None
    most, step = max(known), width / (len(known) - 1)
    points = [f"{place * step:.1f} {height - 2 - value / most * (height - 4):.1f}" for place, value in enumerate(known)]
    line = "M" + "L".join(points)
    return Spark(line, f"{line}L{width} {height}L0 {height}Z")


@dataclass(frozen=True, slots=True)
class Node:
    """A column's block. x, y, height: in the drawing's units."""

    name: str
    count: int
    x: float
    y: float
    height: float
    last: bool


@dataclass(frozen=True, slots=True)
class Band:
    """What flows from one block to another. colour: 1 to 8."""

    path: str
    width: float
    colour: int
    told: str


@dataclass(frozen=True, slots=True)
class Flow:
    nodes: tuple[Node, ...]
    bands: tuple[Band, ...]
    width: int
    height: int


def flow(links: Mapping[tuple[str, str], int], width: int = 900, height: int = 300) -> Flow | None:
    """A flow from the left names to the right ones. links: (left, right) to how many; None where nothing flows."""
    whole = sum(links.values())
    if not whole:
        return None
    left, right = _ranked(links, 0), _ranked(links, 1)
    gap = 14.0
    scale = (height - gap * (max(len(left), len(right)) - 1)) / whole
    starts, ends = _column(left, 150, scale, gap, last=False), _column(right, width - 160, scale, gap, last=True)
    used_left, used_right = dict.fromkeys(left, 0.0), dict.fromkeys(right, 0.0)
    bands = []
    for a in left:
        for place, b in enumerate(right):
            if count := links.get((a, b), 0):
                thick = count * scale
                y1 = starts[a].y + used_left[a] + thick / 2
                y2 = ends[b].y + used_right[b] + thick / 2
                used_left[a] += thick
                used_right[b] += thick
                x1, x2 = starts[a].x + 8, ends[b].x
                middle = (x1 + x2) / 2
                path = f"M{x1} {y1:.1f}C{middle} {y1:.1f} {middle} {y2:.1f} {x2} {y2:.1f}"
                bands.append(Band(path, round(max(thick, 1), 2), place % 8 + 1, f"{a} to {b}: {count:,}"))
    return Flow((*starts.values(), *ends.values()), tuple(bands), width, height)


def _ranked(links: Mapping[tuple[str, str], int], side: int) -> dict[str, int]:
    sums: dict[str, int] = {}
    for pair, count in links.items():
        sums[pair[side]] = sums.get(pair[side], 0) + count
    return dict(sorted(sums.items(), key=lambda item: -item[1]))


def _column(sums: Mapping[str, int], x: float, scale: float, gap: float, *, last: bool) -> dict[str, Node]:
    nodes, y = {}, 0.0
    for name, count in sums.items():
        nodes[name] = Node(name, count, x, round(y, 1), round(max(1.0, count * scale), 1), last)
        y += count * scale + gap
    return nodes
