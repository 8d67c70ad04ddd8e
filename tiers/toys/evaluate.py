"""Accuracy of a toy model on held-out questions, by family and difficulty."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from tiers.toys.answer import Answer, opened
from tiers.toys.item import Item
from tiers.toys.judge import judge


@dataclass(frozen=True, slots=True)
class Judged:
    """One question, its answer, and the answer's mark from 0 to 1."""

    item: Item
    answer: Answer
    mark: float


def judged(
    path: Path, items: Sequence[Item], *, threads: int = 1, tick: Callable[[], None] = lambda: None
) -> list[Judged]:
    """Every question answered greedily by the model of a GGUF file; `tick` is called after each."""
    results = []
    with opened(path, threads=threads) as answerer:
        for item in items:
            answer = answerer.answer(item.messages, item.tools)
            results.append(Judged(item, answer, judge(item, answer.text)))
            tick()
    return results


def mean_marks(results: Iterable[Judged], group: Callable[[Item], str]) -> dict[str, tuple[int, float]]:
    """Per group, sorted by its name: the number of questions and their mean mark."""
    marks: dict[str, list[float]] = defaultdict(list)
    for result in results:
        marks[group(result.item)].append(result.mark)
    return {name: (len(found), sum(found) / len(found)) for name, found in sorted(marks.items())}


def table(by_model: dict[str, list[Judged]]) -> str:
    """A Markdown table: one row per difficulty and per family, one column of mean marks per model."""
    names = list(by_model)
    lines = [f"| | questions | {' | '.join(names)} |", f"|---|---:|{'---:|' * len(names)}"]
    groups: tuple[Callable[[Item], str], ...] = (
        lambda _: "all",
        lambda item: f"difficulty {item.difficulty}",
        lambda item: item.family,
    )
    for group in groups:
        columns = [mean_marks(by_model[name], group) for name in names]
        for row, (count, _) in columns[0].items():
            cells = " | ".join(f"{100 * column[row][1]:.1f}" for column in columns)
            lines.append(f"| {row} | {count} | {cells} |")
    return "\n".join(lines)
