"""Batches: conversations as token ids, of like length together, with weights on the answers alone."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from random import Random

from tokenizers import Tokenizer

from tiers.toys.corpus import Corpus
from tiers.toys.item import Item
from tiers.toys.shape import TRAINED_TOKENS
from tiers.toys.template import BOS, END, render

CHUNK = 2_048  # conversations drawn at a time and sorted by length
LONG_SHARE = 0.02  # conversations of many turns, which teach positions up to TRAINED_TOKENS


@dataclass(frozen=True, slots=True)
class Example:
    """tokens: a conversation. weights: for each token how much predicting it counts; 0 outside answers."""

    tokens: list[int]
    weights: list[float]


def encode(turns: Sequence[Item], tokenizer: Tokenizer) -> Example:
    """The turns as one conversation.

    An answer of n tokens counts as the root of n, so that long ones do not drown the rest.
    """
    tokens: list[int] = []
    weights: list[float] = []
    for turn in turns:
        question = render(turn.messages, turn.tools).removeprefix(BOS if tokens else "")
        asked = tokenizer.encode(question).ids
        answered = tokenizer.encode(turn.expected + END).ids
        tokens += asked + answered
        weights += [0.0] * len(asked) + [len(answered) ** -0.5] * len(answered)
    return Example(tokens[:TRAINED_TOKENS], weights[:TRAINED_TOKENS])


def examples(corpus: Corpus, tokenizer: Tokenizer, rng: Random) -> Iterator[Example]:
    """Training conversations without end: most of one question, some of up to thirty."""
    items = corpus.draw("train", rng)
    while True:
        turns = rng.randint(2, 30) if rng.random() < LONG_SHARE else 1
        yield encode(list(islice(items, turns)), tokenizer)


def batches(corpus: Corpus, tokenizer: Tokenizer, rng: Random, tokens: int) -> Iterator[list[Example]]:
    """Lists of conversations of like length, each of about `tokens` tokens with padding, in random order."""
    stream = examples(corpus, tokenizer, rng)
    while True:
        chunk = sorted(islice(stream, CHUNK), key=lambda example: len(example.tokens))
        groups = list(_groups(chunk, tokens))
        rng.shuffle(groups)
        yield from groups


def _groups(chunk: list[Example], tokens: int) -> Iterator[list[Example]]:
    """Cut a list sorted by length so that longest times count stays within `tokens`."""
    group: list[Example] = []
    for example in chunk:
        if group and len(example.tokens) * (len(group) + 1) > tokens:
            yield group
            group = []
        group.append(example)
    if group:
        yield group
