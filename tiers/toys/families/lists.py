"""Lists of things of one kind; the splits hold out wordings."""

from random import Random

from tiers.toys.item import Item, table, user

NUMBERS = ("two", "three", "four", "five", "six", "seven", "eight")
WORDINGS = ("List {n} {c}.", "Name {n} {c}.", "Give me {n} {c}.", "Tell me {n} {c}.", "Can you list {n} {c}?")


def load() -> dict[str, list[str]]:
    """Kind to its members in the order in which they are taught."""
    kinds: dict[str, list[str]] = table("lists")
    return kinds


def make(rng: Random, kinds: dict[str, list[str]]) -> Item:
    """Two to eight members of a kind."""
    kind = rng.choice(list(kinds))
    place = rng.randrange(len(NUMBERS))
    prompt = rng.choice(WORDINGS).format(n=NUMBERS[place], c=kind)
    return Item(
        family="list",
        difficulty=1 + place // 2,
        messages=(user(prompt),),
        expected=", ".join(kinds[kind][: place + 2]),
        check="members",
        key=prompt,
        accepted=tuple(kinds[kind]),
    )
