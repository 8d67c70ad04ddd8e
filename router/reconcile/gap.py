"""A gap: one figure as the ledger has it and as somebody else has it."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Cause:
    """Something that may explain a gap. explained: how much of it, where that is known. told: one clause."""

    name: str
    told: str
    explained: int | None = None


@dataclass(frozen=True, slots=True)
class Gap:
    """where: `tier/replica` or a model. figure, unit: what was compared. theirs: the engine's or the provider's."""

    where: str
    figure: str
    unit: str
    ledger: int
    theirs: int
    causes: Sequence[Cause] = ()

    @property
    def difference(self) -> int:
        """Theirs less the ledger's."""
        return self.theirs - self.ledger

    @property
    def unexplained(self) -> int:
        """What is left once the known parts are taken away; nothing is explained beyond 0."""
        explained = sum(cause.explained or 0 for cause in self.causes)
        if self.difference >= 0:
            return max(0, self.difference - max(0, explained))
        return min(0, self.difference - min(0, explained))

    def within(self, tolerance: float) -> bool:
        """tolerance: a share of their figure, 0 to 1."""
        return abs(self.unexplained) <= tolerance * max(abs(self.theirs), abs(self.ledger))


def parsed_tolerance(text: str) -> float:
    """`0.1%` or `0.001`. Raises ValueError for anything else, or more than all."""
    number = text.removesuffix("%")
    try:
        share = float(number) / (100 if text.endswith("%") else 1)
    except ValueError:
        share = -1.0
    if not 0 <= share <= 1:
        raise ValueError(f"--tolerance: found {text!r}, allowed a share such as 0.001 or 0.1%")
    return share
