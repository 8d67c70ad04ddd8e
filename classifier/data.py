"""The labelled table: prompts, how well each tier answered them, and how long the answers were.

Parquet, CSV or JSON lines with the columns

    prompt                   text; required, never empty
    correct.<tier>           0 to 1 (or true/false), how good that tier's answer was; two tiers or more
    output_tokens.<tier>     tokens of that tier's answer; optional, may be empty in places
    output_chars.<tier>      characters instead, taken as CHARS_PER_TOKEN to a token
    turns, prompt_tokens, has_code, has_tools, wants_json, max_tokens     optional, as the router saw the request

Offline only: reading Parquet needs the extra `train`.
"""

import csv
import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from classifier.errors import DataError
from classifier.types import Question

Doubles = npt.NDArray[np.float64]

CHARS_PER_TOKEN = 4.0
_TRUTH = {"true": 1.0, "false": 0.0}


@dataclass(frozen=True, slots=True)
class Table:
    """Rows to learn from or measure on.

    tiers: cheapest first. correct: (rows, tiers) in [0, 1]. output_tokens: (rows, tiers), NaN where not known, None
    where the file has no such column. rows: the file's own, as read. sha256: of the file.
    """

    name: str
    sha256: str
    rows: tuple[Mapping[str, Any], ...]
    questions: tuple[Question, ...]
    tiers: tuple[str, ...]
    correct: Doubles
    output_tokens: Doubles | None


@dataclass(frozen=True, slots=True)
class Lengths:
    """Answers of known length: questions[i] was answered in tokens[i] tokens (at least 1)."""

    name: str
    sha256: str
    questions: tuple[Question, ...]
    tokens: Doubles


def read_table(path: Path, tiers: Sequence[str] | None = None) -> Table:
    """Read a labelled table. Raises DataError naming file, column and row (1 is the first row of data).

    tiers: which tiers, cheapest first; unless given all of them, the better on average taken as the dearer.
    """
    rows = read_rows(path)
    questions = tuple(_question(path, number, row) for number, row in enumerate(rows, 1))
    found = _suffixes(rows, "correct.")
    chosen = tuple(tiers) if tiers is not None else found
    for tier in chosen:
        if tier not in found:
            raise DataError(
                f"{path}: column correct.{tier}: not found, there are {_listed('correct.', found)}"
            )
    if len(chosen) < 2:
        raise DataError(f"{path}: columns correct.<tier>: found {len(chosen)}, needs two tiers or more")
    correct = np.array([[_share(path, number, row, t) for t in chosen] for number, row in enumerate(rows, 1)])
    if tiers is None:
        order = np.argsort(correct.mean(axis=0), kind="stable")
        chosen, correct = tuple(chosen[i] for i in order), correct[:, order]
    return Table(
        path.name, _sha256(path), rows, questions, chosen, correct, _answer_tokens(path, rows, chosen)
    )


def read_lengths(path: Path) -> Lengths:
    """Read answer lengths: `prompt` with `output_tokens` or `output_chars`, each bare or one for each tier.

    Raises DataError as `read_table` does.
    """
    rows = read_rows(path)
    questions: list[Question] = []
    tokens: list[float] = []
    for number, row in enumerate(rows, 1):
        question = _question(path, number, row)
        for count in _row_lengths(path, number, row):
            questions.append(question)
            tokens.append(count)
    if not tokens:
        raise DataError(
            f"{path}: no answer lengths: needs a column output_tokens, output_tokens.<tier> or output_chars"
        )
    return Lengths(path.name, _sha256(path), tuple(questions), np.maximum(np.array(tokens), 1.0))


def table_lengths(table: Table) -> Lengths | None:
    """The answer lengths in a labelled table, one for each row and tier that has one; None where there is none."""
    if table.output_tokens is None:
        return None
    known = np.argwhere(~np.isnan(table.output_tokens))
    if len(known) == 0:
        return None
    questions = tuple(table.questions[row] for row, _ in known)
    tokens = table.output_tokens[known[:, 0], known[:, 1]]
    return Lengths(table.name, table.sha256, questions, np.maximum(tokens, 1.0))


def read_rows(path: Path) -> tuple[Mapping[str, Any], ...]:
    """The rows of a Parquet, CSV or JSON lines file as mappings. Raises DataError."""
    readers = {".parquet": _parquet, ".csv": _csv, ".jsonl": _json_lines, ".ndjson": _json_lines}
    reader = readers.get(path.suffix.lower())
    if reader is None:
        raise DataError(f"{path}: found {path.suffix or 'no suffix'!r}, allowed {', '.join(readers)}")
    try:
        rows = reader(path)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"{path}: cannot be read: {error}") from error
    if not rows:
        raise DataError(f"{path}: has no rows")
    return tuple(rows)


def _parquet(path: Path) -> list[dict[str, Any]]:
    try:
        from pyarrow import ArrowException
        from pyarrow.parquet import read_table as read_parquet
    except ImportError as error:
        raise DataError(
            f"{path}: Parquet needs pyarrow: pip install 'tiergate[train]', or give CSV or JSONL"
        ) from error
    try:
        rows: list[dict[str, Any]] = read_parquet(path).to_pylist()
    except ArrowException as error:
        raise DataError(f"{path}: not a Parquet file: {error}") from error
    return rows


def _csv(path: Path) -> list[dict[str, Any]]:
    with path.open(encoding="utf-8-sig", newline="") as lines:
        return list(csv.DictReader(lines))


def _json_lines(path: Path) -> list[dict[str, Any]]:
    rows = []
    for number, line in enumerate(path.read_text(encoding="utf-8").split("\n"), 1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except ValueError as error:
            raise DataError(f"{path}: line {number}: not JSON: {error}") from error
        if not isinstance(row, dict):
            raise DataError(f"{path}: line {number}: found {type(row).__name__}, allowed an object")
        rows.append(row)
    return rows


def _question(path: Path, number: int, row: Mapping[str, Any]) -> Question:
    text = row.get("prompt")
    if not isinstance(text, str) or not text.strip():
        raise DataError(f"{path}: row {number}: prompt: found {text!r}, allowed text")

    def given(column: str) -> float | None:
        return _number(path, number, row, column, highest=math.inf)

    limit = given("max_tokens")
    return Question(
        text=text,
        turns=int(given("turns") or 1),
        prompt_tokens=int(given("prompt_tokens") or 0),
        has_code=bool(given("has_code")),
        has_tools=bool(given("has_tools")),
        wants_json=bool(given("wants_json")),
        max_tokens=None if limit is None else int(limit),
    )


def _number(path: Path, number: int, row: Mapping[str, Any], column: str, highest: float) -> float | None:
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


def _share(path: Path, number: int, row: Mapping[str, Any], tier: str) -> float:
    share = _number(path, number, row, f"correct.{tier}", highest=1.0)
    if share is None:
        raise DataError(f"{path}: row {number}: correct.{tier}: empty, allowed a number, 0 to 1")
    return share


def _suffixes(rows: Sequence[Mapping[str, Any]], prefix: str) -> tuple[str, ...]:
    """What follows `prefix` in the names of columns, in the order of the file."""
    names = dict.fromkeys(name for row in rows for name in row if isinstance(name, str))
    return tuple(name.removeprefix(prefix) for name in names if name.startswith(prefix) and name != prefix)


def _listed(prefix: str, suffixes: Sequence[str]) -> str:
    return ", ".join(prefix + suffix for suffix in suffixes) or "none"


def _answer_tokens(path: Path, rows: Sequence[Mapping[str, Any]], tiers: Sequence[str]) -> Doubles | None:
    columns = {f"output_{unit}.{tier}" for unit in ("tokens", "chars") for tier in tiers}
    if not any(column in row for row in rows for column in columns):
        return None
    found = [[_tokens(path, number, row, f".{tier}") for tier in tiers] for number, row in enumerate(rows, 1)]
    return np.array([[math.nan if count is None else count for count in counts] for counts in found])


def _tokens(path: Path, number: int, row: Mapping[str, Any], suffix: str) -> float | None:
    """Tokens of one answer, from characters where tokens are not given."""
    tokens = _number(path, number, row, f"output_tokens{suffix}", highest=math.inf)
    if tokens is not None:
        return tokens
    chars = _number(path, number, row, f"output_chars{suffix}", highest=math.inf)
    return None if chars is None else chars / CHARS_PER_TOKEN


def _row_lengths(path: Path, number: int, row: Mapping[str, Any]) -> list[float]:
    suffixes = {""} | {
        f".{name.partition('.')[2]}" for name in row if name.startswith(("output_tokens.", "output_chars."))
    }
    counts = [_tokens(path, number, row, suffix) for suffix in sorted(suffixes)]
    return [count for count in counts if count is not None]


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
