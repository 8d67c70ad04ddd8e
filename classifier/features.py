"""The surface of a request as numbers: what can be counted in a few microseconds without understanding it.

The order of `NAMES` is part of every trained artifact: adding, removing or reordering one means training again,
and `REVISION` must change with it. The cues are English; other languages are served by the counts and by the
embedding.
"""

import math

import numpy as np
import numpy.typing as npt

from classifier.embed import window
from classifier.types import Question

Floats = npt.NDArray[np.float32]

REVISION = 1

# Bytes of the UTF-8 text in each class, as a share of all its bytes.
_SHARES: dict[str, bytes] = {
    "digits": b"0123456789",
    "capitals": b"ABCDEFGHIJKLMNOPQRSTUVWXYZ",
    "operators": b"+*/=<>^%~|&",
    "brackets": b"(){}[]",
    "quotes": b"\"'`",
    "markup": b"\\_$#",
    "not_ascii": bytes(range(128, 256)),
}
# The same as ln(1 + count).
_COUNTS: dict[str, bytes] = {"newlines": b"\n", "question_marks": b"?", "full_stops": b".", "commas": b",;:"}

# 1 where any of the words or phrases is in the text, else 0. Lower case; a word is a run of letters and digits.
_CUES: dict[str, str] = {
    "explain": "explain|explains|why|describe|how",
    "list": "list|lists|bullet|bullets|enumerate|table",
    "brief": "sentence|word|briefly|short|yes or no|concise|concisely",
    "detailed": "detail|detailed|details|step|steps|comprehensive|thorough|thoroughly|depth",
    "creative": "story|poem|essay|screenplay|article|blog|lyrics|novel|song",
    "write": "write|draft|compose|create|generate|design",
    "calculate": "calculate|many|much|compute|solve|value|find",
    "prove": "prove|proof|derive|theorem|integral|equation",
    "summarize": "summarize|summarise|summary|rewrite|rephrase|paraphrase|shorten",
    "translate": "translate|translation|french|spanish|german|chinese",
    "classify": "classify|sentiment|label|category|following",
    "factual": "who|when|where|capital|what|which|year|name",
    "negated": "not|never|except|incorrect|false|least",
    "code_wanted": "python|javascript|function|sql|regex|java|implement|script|code",
    "code_given": "```|def |import |#include|};|</|=>",
    "json": "json|yaml|schema|csv|xml",
    "role": "you are|act|pretend|imagine",
    "choices": "\na. |\na) |\n(a)",
}
_LENGTHS = ("log_chars", "log_words", "word_chars", "log_numbers", "longest_number")
_GIVEN = (
    "log_turns",
    "log_prompt_tokens",
    "given_code",
    "given_tools",
    "given_json",
    "log_max_tokens",
    "given_max",
)

NAMES: tuple[str, ...] = (
    *_LENGTHS,
    *(f"share_{name}" for name in _SHARES),
    *(f"log_{name}" for name in _COUNTS),
    *(f"cue_{name}" for name in _CUES),
    *_GIVEN,
)

_LONGEST_WORD, _LONGEST_NUMBER = 40.0, 12.0
# Lower-cases ASCII and turns all that parts words into spaces; bytes beyond ASCII are parts of words.
_WORD_BYTES = bytes(b if bytes((b,)).isalnum() or b > 127 else 32 for b in bytes(range(256)).lower())


def _class_table() -> npt.NDArray[np.float64]:
    """(classes, 256): 1 where a byte belongs to a class."""
    table = np.zeros((len(_SHARES) + len(_COUNTS), 256))
    for row, members in enumerate((*_SHARES.values(), *_COUNTS.values())):
        table[row, list(members)] = 1.0
    return table


def _cue_parts(*, words: bool) -> dict[bytes, int]:
    """The words, or the phrases, of all cues, each with the place of its cue."""
    parts = {part.encode(): place for place, cue in enumerate(_CUES.values()) for part in cue.split("|")}
    return {part: place for part, place in parts.items() if part.isalnum() == words}


_CLASSES = _class_table()
_CUE_WORDS = _cue_parts(words=True)
_CUE_PHRASES = tuple(_cue_parts(words=False).items())


def surface(question: Question) -> Floats:
    """The features of one request, shape (len(NAMES),), finite; reads no more of a text than the embedding does."""
    data = window(question.text).encode("utf-8", "replace")
    lower = data.lower()
    words = lower.translate(_WORD_BYTES).split()
    histogram = np.bincount(np.frombuffer(data, dtype=np.uint8), minlength=256)
    counts = (_CLASSES @ histogram).tolist()
    size = max(len(data), 1)
    return np.array(
        [
            *_lengths(question.text, words),
            *[count / size for count in counts[: len(_SHARES)]],
            *[math.log1p(count) for count in counts[len(_SHARES) :]],
            *_cues(lower, words),
            *_given(question),
        ],
        dtype=np.float32,
    )


def _lengths(text: str, words: list[bytes]) -> tuple[float, ...]:
    numbers = [len(word) for word in words if word.isdigit()]
    return (
        math.log1p(len(text)),
        math.log1p(len(words)),
        min(sum(map(len, words)) / max(len(words), 1), _LONGEST_WORD),
        math.log1p(len(numbers)),
        min(max(numbers, default=0), _LONGEST_NUMBER),
    )


def _cues(lower: bytes, words: list[bytes]) -> list[float]:
    found = [0.0] * len(_CUES)
    for word in _CUE_WORDS.keys() & words:
        found[_CUE_WORDS[word]] = 1.0
    for phrase, place in _CUE_PHRASES:
        if phrase in lower:
            found[place] = 1.0
    return found


def _given(question: Question) -> tuple[float, ...]:
    """What the caller said of the request, in the order of `_GIVEN`; no effect where training never varied it."""
    limit = question.max_tokens
    return (
        math.log1p(max(question.turns, 0)),
        math.log1p(max(question.prompt_tokens, 0)),
        float(question.has_code),
        float(question.has_tools),
        float(question.wants_json),
        0.0 if limit is None else math.log1p(max(limit, 0)),
        float(limit is not None),
    )
