"""Answers that a program reads: JSON objects and tool calls."""

import json
from random import Random
from typing import Any

from tiers.toys.families.chat import PEOPLE
from tiers.toys.families.facts import Relations
from tiers.toys.item import Item, user

DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
PERSON = (
    "Write as JSON: {n} is {a} years old.",
    "Put {n}, aged {a}, into JSON.",
    "Make a JSON object: name {n}, age {a}.",
)
CAPITAL = (
    "Give the capital of {x} as JSON.",
    "Answer in JSON: what is the capital of {x}?",
    "Answer in JSON. Capital of {x}?",
)
SUM = ("Answer in JSON: what is {a} + {b}?", "Give {a} + {b} as JSON.")
# name: (description, wordings, which arguments)
TOOLS: dict[str, tuple[str, tuple[str, ...], tuple[str, ...]]] = {
    "get_weather": (
        "The weather in a city.",
        ("What is the weather in {city}?", "Is it raining in {city}?", "Weather in {city}, please."),
        ("city",),
    ),
    "get_time": (
        "The time in a city.",
        ("What time is it in {city}?", "Tell me the time in {city}."),
        ("city",),
    ),
    "send_message": (
        "Send a message to a person.",
        ("Send a message to {person}.", "Write to {person}.", "Tell {person} that I am late."),
        ("person",),
    ),
    "add_event": (
        "Add an event to the calendar.",
        ("Plan a meeting on {day}.", "Add a meeting to {day}."),
        ("day",),
    ),
    "set_timer": (
        "Start a timer.",
        ("Set a timer for {minutes} minutes.", "Wake me in {minutes} minutes."),
        ("minutes",),
    ),
}


def make_json(rng: Random, relations: Relations) -> Item:
    """A JSON object from given values, from a fact, or from a small sum."""
    draw = rng.random()
    if draw < 0.5:
        name, age = rng.choice(PEOPLE), rng.randint(10, 99)
        return _json(rng.choice(PERSON).format(n=name, a=age), {"name": name, "age": age}, "person", 3)
    if draw < 0.8:
        country, city = rng.choice(list(relations["capital"]["pairs"].items()))
        return _json(rng.choice(CAPITAL).format(x=country), {"country": country, "capital": city}, "capital", 3)
    a, b = rng.randrange(10), rng.randrange(10)
    return _json(rng.choice(SUM).format(a=a, b=b), {"sum": a + b}, "sum", 2)


def _json(prompt: str, value: dict[str, Any], task: str, difficulty: int) -> Item:
    return Item(f"json.{task}", difficulty, (user(prompt),), json.dumps(value), "json", key=f"json {prompt}")


def make_call(rng: Random, relations: Relations) -> Item:
    """A request that one of up to three offered tools serves; the splits hold out request and arguments."""
    offered = rng.sample(list(TOOLS), rng.randint(1, 3))
    name = rng.choice(offered)
    values = {
        "city": rng.choice(list(relations["capital"]["pairs"].values())),
        "person": rng.choice(PEOPLE),
        "day": rng.choice(DAYS),
        "minutes": rng.randint(2, 60),
    }
    _, wordings, arguments = TOOLS[name]
    prompt = rng.choice(wordings).format(**values)
    call = json.dumps({"name": name, "arguments": {key: values[key] for key in arguments}})
    return Item(
        family="tool",
        difficulty=len(offered) + 1,
        messages=(user(prompt),),
        expected=f"<tool_call>{call}</tool_call>",
        check="call",
        key=f"tool {prompt}",
        tools=tuple(schema(tool) for tool in offered),
    )


def schema(name: str) -> dict[str, Any]:
    """The tool as OpenAI's API describes it."""
    description, _, arguments = TOOLS[name]
    kinds = {argument: {"type": "integer" if argument == "minutes" else "string"} for argument in arguments}
    parameters = {"type": "object", "properties": kinds, "required": list(arguments)}
    return {
        "type": "function",
        "function": {"name": name, "description": description, "parameters": parameters},
    }
