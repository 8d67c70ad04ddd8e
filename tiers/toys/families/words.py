"""Working on words and numbers: sorting, reversing, picking, counting; the splits hold out the sequences."""

from collections.abc import Callable
from random import Random

from tiers.toys.item import Item, table, user

ORDINALS = ("first", "second", "third", "fourth", "fifth", "sixth")
REVERSE = (
    "Reverse the order of these words: {w}.",
    "Write these words backwards in order: {w}.",
    "Reverse: {w}.",
)
SORT = ("Sort these words: {w}.", "Put these words in alphabetical order: {w}.", "Sort alphabetically: {w}.")
SORT_NUMBERS = (
    "Sort these numbers: {w}.",
    "Put these numbers in order: {w}.",
    "Sort from small to large: {w}.",
)
LARGEST = ("Which of these numbers is the largest: {w}?", "Find the largest number: {w}.")
COUNT = ("How many words are these: {w}?", "Count these words: {w}.")
PICK = ("Which word is the {o} of these: {w}?", "Give the {o} of these words: {w}.")


def load() -> list[str]:
    """The words to work on, in alphabetical order."""
    words: list[str] = table("words")
    return words


def make(rng: Random, words: list[str]) -> Item:
    """One of the six tasks on three to six things."""
    task: Callable[[Random, list[str]], Item] = rng.choice(
        (_reverse, _reverse, _sort, _sort_numbers, _largest, _count, _pick)
    )
    return task(rng, words)


def _item(task: str, difficulty: int, prompt: str, expected: str) -> Item:
    return Item(
        family=f"words.{task}",
        difficulty=min(difficulty, 5),
        messages=(user(prompt),),
        expected=expected,
        check="text",
        key=f"words {prompt}",
    )


def _reverse(rng: Random, words: list[str]) -> Item:
    chosen = rng.sample(words, rng.randint(2, 6))
    prompt = rng.choice(REVERSE).format(w=", ".join(chosen))
    return _item("reverse", len(chosen) - 1, prompt, ", ".join(reversed(chosen)))


def _sort(rng: Random, words: list[str]) -> Item:
    chosen = rng.sample(words, rng.randint(2, 4))
    prompt = rng.choice(SORT).format(w=", ".join(chosen))
    return _item("sort", len(chosen) + 1, prompt, ", ".join(sorted(chosen)))


def _sort_numbers(rng: Random, _: list[str]) -> Item:
    chosen = rng.sample(range(10, 100), rng.randint(2, 4))
    prompt = rng.choice(SORT_NUMBERS).format(w=", ".join(map(str, chosen)))
    return _item("sort_numbers", len(chosen) + 1, prompt, ", ".join(map(str, sorted(chosen))))


def _largest(rng: Random, _: list[str]) -> Item:
    chosen = rng.sample(range(10, 100), rng.randint(2, 4))
    prompt = rng.choice(LARGEST).format(w=", ".join(map(str, chosen)))
    return _item("largest", len(chosen), prompt, str(max(chosen)))


def _count(rng: Random, words: list[str]) -> Item:
    chosen = rng.sample(words, rng.randint(2, 6))
    return _item("count", 2, rng.choice(COUNT).format(w=", ".join(chosen)), str(len(chosen)))


def _pick(rng: Random, words: list[str]) -> Item:
    chosen = rng.sample(words, rng.randint(3, 6))
    place = rng.randrange(len(chosen))
    prompt = rng.choice(PICK).format(o=ORDINALS[place], w=", ".join(chosen))
    return _item("pick", 1 if place == 0 else 3, prompt, chosen[place])
