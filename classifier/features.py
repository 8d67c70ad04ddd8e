"""The surface of a request as numbers: what can be counted in a few microseconds without understanding it.

The order of `NAMES` is part of every trained artifact: adding, removing or reordering one means training again, and
`REVISION` must change with it. The cues are English; other languages are served by the counts and the embedding.
"""

import math

import numpy as np
import numpy.typing as npt

from classifier.embed import window
from classifier.types import Question

Floats = npt.NDArray[np.float32]

REVISION = 1

# Each is the number of bytes of a class in the UTF-8 text, as a share of its length unless noted below.
_CLASSES: dict[str, bytes] = {
    "digits": b"0123456789",
    "capitals": b"ABCDEFGHIJKLMNOPQRSTUVWXYZ",
    "operators": b"+*/=<>^%~|&",
    "brackets": b"(){}[]",
    "quotes": b"\"'`",
    "backslashes": b"\\_$",
    "commas": b",;:",
    "not_ascii": bytes(range(128, 256)),
}
_COUNTED = {"newlines": b"\n", "question_marks": b"?", "full_stops": b"."}

# Any of the phrases present: 1, else 0. Matched in lower case.
_CUES: dict[str, tuple[str, ...]] = {
    "explain": ("explain", "why ", "describe", "how does", "how do "),
    "list": ("list ", "bullet", "enumerate", "table of"),
    "brief": (
        "one sentence",
        "one word",
        "briefly",
        "short answer",
        "yes or no",
        "concise",
        "only the",
        "in short",
    ),
    "detailed": (
        "in detail",
        "step by step",
        "step-by-step",
        "comprehensive",
        "thorough",
        "detailed",
        "in depth",
    ),
    "creative": ("story", "poem", "essay", "screenplay", "article", "blog", "lyrics", "novel"),
    "write": ("write ", "draft ", "compose ", "create ", "generate "),
    "calculate": ("calculate", "how many", "how much", "compute", "solve", "what is the value", "find the"),
    "prove": ("prove ", "proof", "derive", "theorem", "integral", "equation"),
    "summarize": ("summar", "tl;dr", "key points", "rewrite", "paraphrase"),
    "translate": ("translate", "translation", " in french", " in spanish", " in german", " into english"),
    "classify": ("classify", "sentiment", "which of the following", "true or false", "label "),
    "factual": ("who ", "when ", "where ", "capital of", "what is ", "what year"),
    "negated": (" not ", "n't ", "except", "incorrect", "false"),
    "code_wanted": (
        "python",
        "javascript",
        "function",
        "sql",
        "regex",
        "c++",
        "java ",
        "implement",
        "script",
    ),
    "code_given": ("```", "def ", "import ", "#include", "select ", "class ", "};", "</"),
    "json": ("json", "yaml", "schema", "csv"),
    "role": ("you are ", "act as", "pretend", "imagine"),
    "choices": ("\na. ", "\na) ", "\n(a)", "\nb. "),
}
_GIVEN = (
    "log_turns",
    "log_prompt_tokens",
    "given_code",
    "given_tools",
    "given_json",
    "log_max_tokens",
    "max_unknown",
)
_LENGTHS = ("log_chars", "log_words", "word_chars")

NAMES: tuple[str, ...] = (
    *_LENGTHS,
    *(f"share_{name}" for name in _CLASSES),
    *(f"log_{name}" for name in _COUNTED),
    *(f"cue_{name}" for name in _CUES),
    *_GIVEN,
)


def _class_table() -> npt.NDArray[np.float64]:
    """(classes, 256): 1 where a byte belongs to a class."""
    table = np.zeros((len(_CLASSES) + len(_COUNTED), 256))
    for row, members in enumerate((*_CLASSES.values(), *_COUNTED.values())):
        table[row, list(members)] = 1.0
    return table


_TABLE = _class_table()


def surface(question: Question) -> Floats:
    """The features of one request, shape (len(NAMES),), all finite; reads at most the embedding's window of the text."""
    text = window(question.text)
    data = text.encode("utf-8", "replace")
    counts = _TABLE @ np.bincount(np.frombuffer(data, dtype=np.uint8), minlength=256)
    shares = counts[: len(_CLASSES)] / max(len(data), 1)
    words = text.count(" ") + 1
    lower = text.lower()
    return np.array(
        [
            math.log1p(len(question.text)),
            math.log1p(words),
            min(len(text) / words, 40.0),
            *shares.tolist(),
            *np.log1p(counts[len(_CLASSES) :]).tolist(),
            *[1.0 if _has(lower, phrases) else 0.0 for phrases in _CUES.values()],
            *_given(question),
        ],
        dtype=np.float32,
    )


def _has(lower: str, phrases: tuple[str, ...]) -> bool:
    for phrase in phrases:  # a loop and not any(): half the time, and this runs on every request
        if phrase in lower:
            return True
    return False


def _given(question: Question) -> tuple[float, ...]:
    """What the caller said of the request, in the order of `_GIVEN`; constant in training data that does not say."""
    limit = question.max_tokens
    return (
        math.log1p(max(question.turns, 0)),
        math.log1p(max(question.prompt_tokens, 0)),
        float(question.has_code),
        float(question.has_tools),
        float(question.wants_json),
        0.0 if limit is None else math.log1p(max(limit, 0)),
        float(limit is None),
    )
