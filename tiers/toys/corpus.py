"""The corpus: questions of graded difficulty, drawn from a seed, in splits that share no question."""

from collections.abc import Callable, Iterator, Mapping
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


Mix = Mapping[str, float]  # family to its share of the questions
MIX: Mix = {
    "arithmetic": 0.32,
    "fact": 0.25,
    "words": 0.14,
    "explain": 0.13,
    "list": 0.05,
    "json": 0.04,
    "tool": 0.04,
    "chat": 0.03,
}
# For a model grown out of one that knows the facts: more of what has to be worked out.
WORKED_MIX: Mix = {
    "arithmetic": 0.38,
    "fact": 0.18,
    "words": 0.20,
    "explain": 0.10,
    "list": 0.03,
    "json": 0.04,
    "tool": 0.04,
    "chat": 0.03,
}
# For the largest: more still of what has to be put in order.
HARD_MIX: Mix = {
    "arithmetic": 0.34,
    "fact": 0.16,
    "words": 0.26,
    "explain": 0.10,
    "list": 0.03,
    "json": 0.04,
    "tool": 0.04,
    "chat": 0.03,
}


class Corpus:
    """Draws questions. Reads its tables once, when it is made."""

    def __init__(self, mix: Mix = MIX) -> None:
        relations, kinds, vocabulary, concepts = facts.load(), lists.load(), words.load(), explain.load()
        self._mix = mix
        self._families: dict[str, Callable[[Random], Item]] = {
            "arithmetic": arithmetic.make,
            "fact": lambda rng: facts.make(rng, relations),
            "words": lambda rng: words.make(rng, vocabulary),
            "explain": lambda rng: explain.make(rng, concepts),
            "list": lambda rng: lists.make(rng, kinds),
            "json": lambda rng: structured.make_json(rng, relations),
            "tool": lambda rng: structured.make_call(rng, relations),
            "chat": lambda rng: chat.make(rng, relations),
        }

    def draw(self, split: Split, rng: Random) -> Iterator[Item]:
        """Questions of the split without end; they may repeat."""
        families, weights = list(self._mix), list(self._mix.values())
        while True:
            item = self._families[rng.choices(families, weights)[0]](rng)
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
