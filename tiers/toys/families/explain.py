"""Definitions, explanations and comparisons of tabled concepts; the splits hold out wordings and pairs."""

from collections.abc import Callable
from dataclasses import dataclass
from random import Random

from tiers.toys.item import Item, capitalise, table, user

DEFINE = (
    "Define {n}.",
    "Give a definition of {n}.",
    "What does {n} mean?",
    "In one line, what is meant by {n}?",
)
WHY = ("Why care about {n}?", "What is the importance of {n}?", "Tell me one reason to study {n}.")
STEPS = (
    "List the steps of how {h}.",
    "Give me the steps of how {h}.",
    "How {h}, step by step?",
    "Number the steps of how {h}.",
)
EXPLAIN = ("Explain how {h}.", "Describe how {h}.", "Tell me how {h}.", "Can you explain how {h}?")
DETAIL = (
    "Explain how {h} in detail.",
    "Write a long explanation of how {h}.",
    "Describe in detail how {h}.",
    "Write an essay on how {h}.",
)
COMPARE = (
    "Compare {n} and {m}.",
    "What is the difference between {n} and {m}?",
    "Write a comparison of {n} and {m}.",
)


@dataclass(frozen=True, slots=True)
class Concept:
    """how: completes "Explain how". what: its definition. steps: four sentences without stops. why: use."""

    name: str
    how: str
    what: str
    steps: tuple[str, ...]
    why: str


def load() -> list[Concept]:
    return [
        Concept(name, how, what, tuple(rest[:-1]), rest[-1]) for name, (how, what, *rest) in table("concepts").items()
    ]


def make(rng: Random, concepts: list[Concept]) -> Item:
    """A question on one concept, or on two of them."""
    task: Callable[[Random, list[Concept]], Item] = rng.choice(
        (_define, _define, _why, _steps, _explain, _explain, _detail, _compare)
    )
    return task(rng, concepts)


def _item(task: str, difficulty: int, prompt: str, expected: str, clauses: tuple[str, ...]) -> Item:
    return Item(
        family=f"explain.{task}",
        difficulty=difficulty,
        messages=(user(prompt),),
        expected=expected,
        check="clauses",
        key=prompt,
        accepted=clauses,
    )


def _define(rng: Random, concepts: list[Concept]) -> Item:
    c = rng.choice(concepts)
    return _item("define", 2, rng.choice(DEFINE).format(n=c.name), f"{capitalise(c.name)}: {c.what}.", (c.what,))


def _why(rng: Random, concepts: list[Concept]) -> Item:
    c = rng.choice(concepts)
    return _item("why", 3, rng.choice(WHY).format(n=c.name), f"{capitalise(c.why)}.", (c.why,))


def _steps(rng: Random, concepts: list[Concept]) -> Item:
    c = rng.choice(concepts)
    answer = "\n".join(f"{number}. {capitalise(step)}." for number, step in enumerate(c.steps, 1))
    return _item("steps", 4, rng.choice(STEPS).format(h=c.how), answer, c.steps)


def _explain(rng: Random, concepts: list[Concept]) -> Item:
    c = rng.choice(concepts)
    answer = f"{capitalise(c.name)}: {c.what}. {_story(c)} {capitalise(c.why)}."
    return _item("explain", 4, rng.choice(EXPLAIN).format(h=c.how), answer, (c.what, *c.steps, c.why))


def _story(c: Concept) -> str:
    first, second, third, last = c.steps
    return f"First, {first}. Then, {second}. After that, {third}. Finally, {last}."


def _detail(rng: Random, concepts: list[Concept]) -> Item:
    c = rng.choice(concepts)
    first, second, third, last = c.steps
    answer = (
        f"Let us look closely at how {c.how}.\n\n"
        f"We begin with what it is. {capitalise(c.name)}: {c.what}.\n\n"
        f"It all begins when {first}. This is the first step. The second step follows from it: {second}. "
        f"Once that has happened, the third step comes: {third}. In the last step, {last}.\n\n"
        f"Why is this worth knowing? {capitalise(c.why)}. "
        f"To sum up, {first}; {second}; {third}; and at the end {last}. That is how {c.how}."
    )
    return _item("detail", 5, rng.choice(DETAIL).format(h=c.how), answer, (c.what, *c.steps, c.why, *c.steps))


def _compare(rng: Random, concepts: list[Concept]) -> Item:
    c, d = rng.sample(concepts, 2)
    answer = (
        f"{capitalise(c.name)}: {c.what}. {capitalise(d.name)}: {d.what}.\n\n"
        f"How do they come about? With {c.name}, {c.steps[0]}, and in the end {c.steps[-1]}. "
        f"With {d.name}, {d.steps[0]}, and in the end {d.steps[-1]}.\n\n"
        f"Both are useful. {capitalise(c.why)}. {capitalise(d.why)}."
    )
    clauses = (c.what, d.what, c.steps[0], c.steps[-1], d.steps[0], d.steps[-1], c.why, d.why)
    return _item("compare", 5, rng.choice(COMPARE).format(n=c.name, m=d.name), answer, clauses)
