"""The labelled table: prompts, how well each tier answered them, and how long the answers were.

Parquet, CSV or JSON lines with the columns

    prompt                   text; required, never empty, unless there are messages
    messages, tools          in place of prompt, as they were sent (OpenAI's lists; not in CSV)
    correct.<tier>           0 to 1 (or true/false), how good that tier's answer was; two tiers or more
    output_tokens.<tier>     tokens of that tier's answer; optional, may be empty in places
    output_chars.<tier>      characters instead, taken as CHARS_PER_TOKEN to a token
    turns, prompt_tokens, has_code, has_tools, wants_json, max_tokens     optional, as the router saw it
"""

import hashlib
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from classifier.conversation import conversation_text, user_turns
from classifier.errors import DataError
from classifier.files import Row, read_rows
from classifier.types import Question

Doubles = npt.NDArray[np.float64]

CHARS_PER_TOKEN = 4.0
_CORRECT = "correct."
_CHARS = ("output_chars", "answer_chars")
_TRUTH = {"true": 1.0, "false": 0.0}


@dataclass(frozen=True, slots=True)
class Table:
    """Rows to learn from or measure on.

    tiers: cheapest first. correct: (rows, tiers) in [0, 1]. output_tokens: (rows, tiers), NaN where not known,
    None where the file has no such column. sha256: of the file.
    """

    name: str
    sha256: str
    questions: tuple[Question, ...]
    tiers: tuple[str, ...]
    correct: Doubles
    output_tokens: Doubles | None


@dataclass(frozen=True, slots=True)
class Lengths:
    """Answers of known length: questions[i] was answered in tokens[i] tokens, at least 1.

    sources: name and SHA-256 of each file.
    """

    sources: tuple[tuple[str, str], ...]
    questions: tuple[Question, ...]
    tokens: Doubles


def read_table(path: Path, tiers: Sequence[str] | None = None) -> Table:
    """Read a labelled table. Raises DataError naming file, column and row (1 is the first row of data).

    tiers: which tiers, cheapest first; unless given all of them, the better on average taken as the dearer.
    """
    rows = read_rows(path)
    found = labelled_tiers(rows)
    chosen = found if tiers is None else tuple(tiers)
    for tier in chosen:
        if tier not in found:
            raise DataError(f"{path}: column correct.{tier}: not found, there are {_listed(found)}")
    if len(set(chosen)) < 2:
        raise DataError(f"{path}: columns correct.<tier>: found {_listed(chosen)}, needs two tiers or more")
    questions = tuple(_question(path, number, row) for number, row in enumerate(rows, 1))
    correct = np.array([[_share(path, number, row, t) for t in chosen] for number, row in enumerate(rows, 1)])
    if tiers is None:
        order = np.argsort(correct.mean(axis=0), kind="stable")
        chosen, correct = tuple(chosen[i] for i in order), correct[:, order]
    return Table(path.name, _sha256(path), questions, chosen, correct, _answer_tokens(path, rows, chosen))


def read_questions(path: Path) -> tuple[tuple[Row, ...], tuple[Question, ...]]:
    """The rows of a table without labels, and the request that each is. Raises DataError."""
    rows = read_rows(path)
    return rows, tuple(_question(path, number, row) for number, row in enumerate(rows, 1))


def labelled_tiers(rows: Sequence[Row]) -> tuple[str, ...]:
    """The tiers of the columns `correct.<tier>`, in the order of the file."""
    names = dict.fromkeys(name for row in rows for name in row if isinstance(name, str))
    return tuple(name.removeprefix(_CORRECT) for name in names if name.startswith(_CORRECT) and name != _CORRECT)


def read_lengths(paths: Sequence[Path]) -> Lengths:
    """Read answer lengths: `prompt` with `output_tokens`, `output_chars` or `answer_chars`, bare or for each tier.

    Answers of no length are left out. Raises DataError as `read_table` does.
    """
    questions: list[Question] = []
    tokens: list[float] = []
    for path in paths:
        for number, row in enumerate(read_rows(path), 1):
            question = _question(path, number, row)
            counts = _row_lengths(path, number, row)
            questions.extend([question] * len(counts))
            tokens.extend(counts)
    if not tokens:
        names = ", ".join(str(path) for path in paths)
        raise DataError(f"{names}: no answer lengths: needs a column output_tokens or output_tokens.<tier>")
    sources = tuple((path.name, _sha256(path)) for path in paths)
    return Lengths(sources, tuple(questions), np.maximum(np.array(tokens), 1.0))


def table_lengths(table: Table) -> Lengths | None:
    """The answer lengths in a labelled table, of each row and tier that has one; None where there is none."""
    if table.output_tokens is None:
        return None
    known = np.argwhere(table.output_tokens > 0)
    if len(known) == 0:
        return None
    questions = tuple(table.questions[row] for row, _ in known)
    tokens = table.output_tokens[known[:, 0], known[:, 1]]
    return Lengths(((table.name, table.sha256),), questions, np.maximum(tokens, 1.0))


def _question(path: Path, number: int, row: Row) -> Question:
    messages, tools = row.get("messages"), row.get("tools")
    logged = [message for message in messages if isinstance(message, dict)] if isinstance(messages, list) else []
    text = conversation_text(logged) if logged else row.get("prompt")
    if not isinstance(text, str) or not text.strip():
        raise DataError(f"{path}: row {number}: prompt: found {text!r}, allowed text")

    def given(column: str) -> float | None:
        return _number(path, number, row, column, highest=math.inf)

    limit = given("max_tokens")
    return Question(
        text=text,
        turns=int(given("turns") or user_turns(logged)),
        prompt_tokens=int(given("prompt_tokens") or 0),
        has_code=bool(given("has_code")),
        has_tools=bool(given("has_tools") or (isinstance(tools, list) and tools)),
        wants_json=bool(given("wants_json")),
        max_tokens=None if limit is None else int(limit),
    )


def _number(path: Path, number: int, row: Row, column: str, highest: float) -> float | None:
    """A number from 0 to `highest`; None where the cell is empty or absent."""
    value = row.get(column)
    if value is None or value == "":
        return None
    try:
        found = _TRUTH[value.lower()] if isinstance(value, str) and value.lower() in _TRUTH else float(value)
    except (TypeError, ValueError):
        found = -1.0
    if math.isnan(found):
        return None
    if not 0.0 <= found <= highest or math.isinf(found):
        allowed = "0 to 1" if highest == 1.0 else "0 or more"
        raise DataError(f"{path}: row {number}: {column}: found {value!r}, allowed a number, {allowed}")
    return found


def _share(path: Path, number: int, row: Row, tier: str) -> float:
    share = _number(path, number, row, f"correct.{tier}", highest=1.0)
    if share is None:
        raise DataError(f"{path}: row {number}: correct.{tier}: empty, allowed a number, 0 to 1")
    return share


def _listed(tiers: Sequence[str]) -> str:
    return ", ".join(_CORRECT + tier for tier in tiers) or "none"


def _answer_tokens(path: Path, rows: Sequence[Row], tiers: Sequence[str]) -> Doubles | None:
    columns = {f"output_{unit}.{tier}" for unit in ("tokens", "chars") for tier in tiers}
    if not any(column in row for row in rows for column in columns):
        return None
    found = [[_tokens(path, number, row, f".{tier}") for tier in tiers] for number, row in enumerate(rows, 1)]
    return np.array([[math.nan if count is None else count for count in counts] for counts in found])


def _tokens(path: Path, number: int, row: Row, suffix: str) -> float | None:
    """Tokens of one answer, from characters where tokens are not given."""
    tokens = _number(path, number, row, f"output_tokens{suffix}", highest=math.inf)
    if tokens is not None:
        return tokens
    for column in _CHARS:
        chars = _number(path, number, row, f"{column}{suffix}", highest=math.inf)
        if chars is not None:
            return chars / CHARS_PER_TOKEN
    return None


def _row_lengths(path: Path, number: int, row: Row) -> list[float]:
    """Tokens of every answer in a row; what scoring added is no answer."""
    bare = {"output_tokens", *_CHARS}
    suffixes = {name[len(name.partition(".")[0]) :] for name in row if name.partition(".")[0] in bare}
    counts = [_tokens(path, number, row, suffix) for suffix in sorted(suffixes - {".p50", ".p90"})]
    return [count for count in counts if count]


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
