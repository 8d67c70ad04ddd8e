"""The corpus: questions of graded difficulty, drawn from a seed, in splits that share no question."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from hashlib import blake2s
from random import Random
from typing import Literal

from tiers.toys.families import arithmetic, chat, explain, facts, lists, structured, words
from tiers.toys.item import Item, user

Split = Literal["train", "outcomes", "test"]
SPLITS: tuple[Split, ...] = ("train", "outcomes", "test")
SYSTEM_PROMPTS = ("You are a helpful assistant.", "Answer briefly.", "You are a friendly teacher.")
FRAMES = (
    "{p}",
    "{p}",
    "{p}",
    "{p}",
    "{p}",
    "Please answer: {p}",
    "Quick question: {p}",
    "{p} Thanks.",
    "Hi! {p}",
    "I wonder: {p}",
)


class Corpus:
    """Draws questions. Reads its tables once, when it is made."""

    def __init__(self) -> None:
        relations, kinds, vocabulary, concepts = facts.load(), lists.load(), words.load(), explain.load()
        self._families: dict[Callable[[Random], Item], float] = {
            arithmetic.make: 0.32,
            lambda rng: facts.make(rng, relations): 0.25,
            lambda rng: words.make(rng, vocabulary): 0.14,
            lambda rng: explain.make(rng, concepts): 0.13,
            lambda rng: lists.make(rng, kinds): 0.05,
            lambda rng: structured.make_json(rng, relations): 0.04,
            lambda rng: structured.make_call(rng, relations): 0.04,
            lambda rng: chat.make(rng, relations): 0.03,
        }

    def draw(self, split: Split, rng: Random) -> Iterator[Item]:
        """Questions of the split without end; they may repeat."""
        families, weights = list(self._families), list(self._families.values())
        while True:
            item = rng.choices(families, weights)[0](rng)
            if split_of(item.key) == split:
                yield _framed(item, rng)


def questions(split: Split, n: int, seed: int) -> list[Item]:
    """`n` different questions of the split; the same for the same seed.

    Raises ValueError where n is negative.
    """
    if n < 0:
        raise ValueError(f"n: found {n}, allowed 0 or more")
    chosen: dict[str, Item] = {}
    rng = Random(seed)  # noqa: S311  # drawing questions is no cryptography
    for item in Corpus().draw(split, rng):
        if len(chosen) == n:
            break
        chosen.setdefault(str(item.messages), item)
    return list(chosen.values())


def split_of(key: str) -> Split:
    """Which split a key belongs to: 84 % train, 8 % outcomes, 8 % test, by a hash of the key alone."""
    place = blake2s(key.encode()).digest()[0]
    return "train" if place < 215 else "outcomes" if place < 236 else "test"


def _framed(item: Item, rng: Random) -> Item:
    """The question as different people would put it: a polite frame, no capital, a system prompt."""
    if item.family == "chat.small_talk":
        return item
    *before, last = item.messages
    prompt = rng.choice(FRAMES).format(p=last["content"])
    if rng.random() < 0.06:
        prompt = prompt[:1].lower() + prompt[1:].rstrip("?.")
    messages = (*before, user(prompt))
    if rng.random() < 0.12:
        messages = ({"role": "system", "content": rng.choice(SYSTEM_PROMPTS)}, *messages)
    return replace(item, messages=messages)
