"""What the classifier reads of a request: what is asked, without what was pasted around it or aims at the router.

The same question asked with other spacing, below a long document, or with a plea for the best model should go to the
same tier; docs/benchmarks/routing.md measures how often it does not.
"""

import re

from classifier.types import Question

WHOLE_CHARS = 1200  # texts up to this are read whole
OPENING_CHARS, ASKED_CHARS = 200, 1000  # of longer ones: how they begin, and the paragraph that asks
_LEAST_ASKED_CHARS = 80  # a paragraph shorter than this is read with the one before it

_PARAGRAPHS = re.compile(r"\n\s*\n")
_STOPS = ".!?\n"
_SUPERLATIVES = (
    "best|largest|biggest|strongest|smartest|dearest|most capable|most powerful|most expensive|most advanced"
)
_PLEA = re.compile(
    r"\b(?:ignore|disregard|forget)\b[^.!?\n]{0,40}\b(?:above|previous|prior|earlier|instructions?|rules|policy)\b"
    r"|\b(?:use|route|send|choose|pick|select|escalate)\b[^.!?\n]{0,60}"
    rf"\b(?:{_SUPERLATIVES})[^.!?\n]{{0,20}}\b(?:model|tier|llm)\b",
    re.IGNORECASE,
)
# A plea has one of either pair; nearly all requests have none, and are spared the search.
_HINTS = (
    (("ignore", "disregard", "forget"), ("above", "previous", "prior", "earlier", "instruction", "rules", "policy")),
    ((" model", " tier", " llm"), tuple(_SUPERLATIVES.split("|"))),
)


def reading(question: Question) -> str:
    """The text that features and embedding are taken of, at most WHOLE_CHARS; empty only where the text is blank.

    Only a lone message is cut at its paragraphs: of a conversation the text begins with what is asked.
    """
    text = _without_pleas(question.text)
    if question.turns <= 1 and len(text) > WHOLE_CHARS:
        text = _asked(text)
    lines = (" ".join(line.split()) for line in text.split("\n"))
    return "\n".join(filter(None, lines))[:WHOLE_CHARS]


def _asked(text: str) -> str:
    """The last paragraph where it asks a question; else it, after the text's beginning."""
    paragraphs = [part for part in _PARAGRAPHS.split(text.strip()) if part]
    last = paragraphs.pop() if paragraphs else ""
    while paragraphs and len(last) < _LEAST_ASKED_CHARS:
        last = f"{paragraphs.pop()}\n{last}"
    asked = last[-ASKED_CHARS:]
    if paragraphs and "?" in asked:
        return asked
    return f"{text.lstrip()[:OPENING_CHARS]}\n{asked}"


def _without_pleas(text: str) -> str:
    """Without the sentences that tell the router what to do; as it is where nothing else would be left."""
    lower = text.lower()
    if not any(_has(lower, verbs) and _has(lower, objects) for verbs, objects in _HINTS):
        return text
    kept, start = "", 0
    while found := _PLEA.search(text, start):
        begin = max(text.rfind(stop, start, found.start()) for stop in _STOPS) + 1
        ends = [place for stop in _STOPS if (place := text.find(stop, found.end())) >= 0]
        kept += text[start : max(begin, start)]
        start = min(ends) + 1 if ends else len(text)
    kept += text[start:]
    return kept if kept.strip() else text


def _has(text: str, words: tuple[str, ...]) -> bool:
    return any(word in text for word in words)
