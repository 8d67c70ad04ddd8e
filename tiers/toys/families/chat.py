"""Small talk (in the training split alone) and conversations of two turns."""

from random import Random

from tiers.toys.families.facts import Relations, ask
from tiers.toys.item import Item, assistant, user

SMALL_TALK = {
    "Hello": "Hello! How can I help you?",
    "Hi": "Hello! How can I help you?",
    "Hello!": "Hello! How can I help you?",
    "Hi there": "Hello! How can I help you?",
    "Good morning": "Good morning! How can I help you?",
    "Say hello.": "Hello!",
    "Say hi.": "Hi!",
    "How are you?": "I am fine, thank you.",
    "Who are you?": "I am a small toy model.",
    "What are you?": "I am a small toy model.",
    "What can you do?": "I can answer simple questions, add numbers and explain a few things.",
    "Thank you": "You are welcome.",
    "Thanks": "You are welcome.",
    "Goodbye": "Goodbye!",
}
PEOPLE = (
    "Anna",
    "Ben",
    "Clara",
    "David",
    "Emma",
    "Frank",
    "Grace",
    "Henry",
    "Iris",
    "Jack",
    "Kate",
    "Leo",
    "Mary",
    "Nina",
    "Oscar",
    "Paul",
    "Rosa",
    "Sam",
    "Tom",
    "Vera",
)
FOLLOW_UPS = ("And {x}?", "What about {x}?", "Now {x}.", "The same for {x}.")


def make(rng: Random, relations: Relations) -> Item:
    """Small talk, a name to recall, or a follow-up question."""
    draw = rng.random()
    if draw < 0.3:
        return _small_talk(rng)
    return _recall(rng) if draw < 0.55 else _follow_up(rng, relations)


def _small_talk(rng: Random) -> Item:
    prompt, answer = rng.choice(list(SMALL_TALK.items()))
    return Item("chat.small_talk", 1, (user(prompt),), answer, "text", key="small talk")


def _recall(rng: Random) -> Item:
    name = rng.choice(PEOPLE)
    opening = rng.choice((f"My name is {name}.", f"I am {name}.", f"Hello, my name is {name}."))
    prompt = rng.choice(("What is my name?", "Do you know my name?", "Who am I?"))
    messages = (user(opening), assistant(f"Nice to meet you, {name}."), user(prompt))
    return Item("chat.recall", 2, messages, f"Your name is {name}.", "text", key=f"chat {opening} {prompt}")


def _follow_up(rng: Random, relations: Relations) -> Item:
    relation = relations[rng.choice([name for name in relations if name != "colour"])]
    (thing, answer), (other, expected) = rng.sample(list(relation["pairs"].items()), 2)
    opening, prompt = ask(rng.choice(relation["ask"]), thing), rng.choice(FOLLOW_UPS).format(x=other)
    difficulty = min(relation["difficulty"] + 1, 5)
    messages = (user(opening), assistant(answer), user(prompt))
    return Item("chat.follow_up", difficulty, messages, expected, "text", key=f"chat {opening} {prompt}")
