"""Everyday facts from a fixed table; all of them are memorised, the splits hold out wordings."""

from random import Random
from typing import Any

from tiers.toys.item import Item, capitalise, table, user

Relations = dict[str, dict[str, Any]]


def load() -> Relations:
    """Relation name to `difficulty`, `ask` (wordings) and `pairs`."""
    relations: Relations = table("facts")
    return relations


def make(rng: Random, relations: Relations) -> Item:
    """A fact; the harder a relation, the rarer it is."""
    names = list(relations)
    weights = [len(relations[n]["pairs"]) / relations[n]["difficulty"] for n in names]
    name = rng.choices(names, weights)[0]
    relation = relations[name]
    thing, answer = rng.choice(list(relation["pairs"].items()))
    prompt = ask(rng.choice(relation["ask"]), thing)
    return Item(
        family=f"fact.{name}",
        difficulty=relation["difficulty"],
        messages=(user(prompt),),
        expected=answer,
        check="text",
        key=f"fact {prompt}",
    )


def ask(wording: str, thing: str) -> str:
    """A question about the thing, with `a` or `an` before it where the wording wants one."""
    article = "an" if thing[0] in "aeiou" else "a"
    if article == "an":
        wording = wording.replace(" a {x}", " an {x}").replace("A {x}", "An {x}")
    return capitalise(wording.format(x=thing, a=article, A=capitalise(article)))
