"""Training: a labelled table in, an artifact out.

Offline only (extra `train`). The same table, seed and library versions give the same artifact.
"""

import importlib.metadata
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from itertools import combinations
from pathlib import Path
from typing import Protocol

import numpy as np
import numpy.typing as npt

from classifier.acceptance import Acceptance, write_acceptance
from classifier.artifact import EMBEDDER, arrays_of, load, version_of, write
from classifier.data import Lengths, Table, read_lengths, read_table, table_lengths
from classifier.embed import load_embedding
from classifier.errors import ArtifactError, DataError
from classifier.fit import (
    OutcomeFit,
    fit_lengths,
    fit_outcomes,
    folds_by_prompt,
    input_scale,
    one_thread,
    outcome_labels,
)
from classifier.fit_acceptance import Drafts, fit_acceptance, read_logprobs
from classifier.fit_inputs import fit_inputs
from classifier.inputs import Inputs
from classifier.length import LengthHead
from classifier.measure import apgr, calibration_error, gap_curve, log_loss
from classifier.transformer import Transformer
from classifier.types import Question

FEWEST_PROMPTS = 50
LIBRARIES = ("numpy", "scikit-learn", "tokenizers")


class Progress(Protocol):
    """Called as work goes on: what is being done, and the share done, 0 to 1."""

    def __call__(self, step: str, done: float) -> None: ...


@dataclass(frozen=True, slots=True)
class Source:
    """A file that was learned from, and its hash."""

    name: str
    sha256: str


@dataclass(frozen=True, slots=True)
class TrainingCard:
    """What an artifact was trained on and how it did on held-out prompts; stored in its `card.json`.

    tiers: cheapest first. rows: labelled prompts learned from; answers: answers of known length, 0 where there were
    none and the bundled length head was taken.
    metrics: `apgr.<cheaper>.<dearer>`, `calibration_error.<tier>`, `log_loss.<tier>`, `coverage.p90`, all cross-fitted.
    version: of the artifact. note: what a reader must know.
    """

    tiers: tuple[str, ...]
    outcomes: Source
    lengths: tuple[Source, ...]
    rows: int
    answers: int
    seed: int
    embedding: str
    libraries: Mapping[str, str]
    metrics: Mapping[str, float]
    version: str = ""
    note: str = ""


def train(
    data: Path,
    out: Path,
    *,
    seed: int = 0,
    progress: Progress | None = None,
    tiers: Sequence[str] | None = None,
    lengths: Sequence[Path] = (),
    note: str = "",
    embedder: Path | None = None,
) -> TrainingCard:
    """Learn a classifier from the table `data` (see `classifier.data`) and write it into the folder `out`.

    tiers: which ones, cheapest first; unless given all, the better on average taken as the dearer. lengths: files of
    answer lengths to learn the output length from, in place of the table's own; where there are none, or too few, the
    bundled length head is kept. note: for the card. embedder: an exported transformer (`classifier.export`) to read
    prompts by in place of the static table; it is copied into the artifact.

    Raises DataError for a table that cannot be learned from, or where the extra `train` is not installed.
    """
    tell = progress or _silent
    tell("reading", 0.0)
    table = read_table(data, tiers)
    if _distinct(table.questions) < FEWEST_PROMPTS:
        found = _distinct(table.questions)
        raise DataError(f"{data}: found {found} different prompts, needs {FEWEST_PROMPTS} or more to learn from")
    answers = _answers(table, lengths)
    tell("reading the prompts", 0.1)
    with one_thread():
        if answers:
            embedding = Transformer.open(embedder) if embedder else load_embedding()
            inputs = fit_inputs(embedding, table.questions + answers.questions, seed)
            tell("learning output length", 0.2)
            lengths_head, coverage = _lengths(inputs, answers, seed)
        elif embedder:
            raise DataError(f"{data}: no answer lengths to learn from: with an embedder, give some in --lengths")
        else:
            (inputs, lengths_head), coverage = _borrowed(), {}
        tell("learning quality and gain", 0.3)
        fit = _outcomes(inputs, table, seed)
        tell("learning to judge drafts", 0.8)
        acceptance = _acceptance(data, table, inputs, fit, lengths_head, seed)
    card = TrainingCard(
        tiers=table.tiers,
        outcomes=Source(table.name, table.sha256),
        rows=len(table.questions),
        answers=len(answers.tokens) if answers else 0,
        lengths=tuple(Source(*source) for source in answers.sources) if answers else (),
        seed=seed,
        embedding=inputs.embedding.name,
        libraries={name: importlib.metadata.version(name) for name in LIBRARIES},
        metrics=_metrics(table, fit) | coverage,
        note=note,
    )
    if embedder is not None:
        shutil.copytree(embedder, out / EMBEDDER, dirs_exist_ok=True)
    written = _write(out, arrays_of(inputs, fit.head, lengths_head), card, acceptance)
    tell("written", 1.0)
    return written


def _silent(step: str, done: float) -> None:
    """Progress that nobody asked for."""


def _answers(table: Table, lengths: Sequence[Path]) -> Lengths | None:
    """Answers of enough different prompts to learn length from; None where the table has too few of its own."""
    answers = read_lengths(lengths) if lengths else table_lengths(table)
    found = 0 if answers is None else _distinct(answers.questions)
    if found >= FEWEST_PROMPTS:
        return answers
    if lengths:
        names = ", ".join(str(path) for path in lengths)
        raise DataError(f"{names}: found {found} different prompts, needs {FEWEST_PROMPTS} to learn length from")
    return None


def _distinct(questions: Sequence[Question]) -> int:
    return len({question.text for question in questions})


def _outcomes(inputs: Inputs, table: Table, seed: int) -> OutcomeFit:
    folds = folds_by_prompt([question.text for question in table.questions], seed)
    matrix = inputs.matrix(table.questions)
    return fit_outcomes(matrix, table.tiers, table.correct, folds, seed)


def _acceptance(
    data: Path, table: Table, inputs: Inputs, fit: OutcomeFit, lengths: LengthHead, seed: int
) -> Acceptance | None:
    """Learned where the table has the log-probabilities of drafts."""
    logprobs = read_logprobs(data, table.tiers)
    if logprobs is None:
        return None
    matrix = inputs.matrix(table.questions)
    return fit_acceptance(
        Drafts(
            tiers=table.tiers,
            logprobs=logprobs,
            correct=table.correct,
            quality=fit.held_out[:, : len(table.tiers)],
            output_p50=np.array([lengths.length(row)[0] for row in matrix]),
            folds=folds_by_prompt([question.text for question in table.questions], seed),
        )
    )


def _lengths(inputs: Inputs, answers: Lengths, seed: int) -> tuple[LengthHead, dict[str, float]]:
    """A length head and its coverage on prompts held out."""
    prompts = [question.text for question in answers.questions]
    folds = folds_by_prompt(prompts, seed)
    matrix = inputs.matrix(answers.questions)
    head, coverage = fit_lengths(matrix, input_scale(inputs), answers.tokens, folds, len(set(prompts)))
    return head, {"coverage.p90": round(coverage, 4)}


def _borrowed() -> tuple[Inputs, LengthHead]:
    """The bundled length head, and the inputs that it reads."""
    try:
        bundled = load("bundled")
    except ArtifactError as error:
        raise DataError(f"no answer lengths in the table, and none to borrow: {error}") from error
    return bundled.inputs, bundled.lengths


def _metrics(table: Table, fit: OutcomeFit) -> dict[str, float]:
    """Cross-fitted figures of the outcome head."""
    labels, chances = outcome_labels(table.correct), fit.held_out
    figures: dict[str, float] = {}
    for column, tier in enumerate(table.tiers):
        figures[f"calibration_error.{tier}"] = calibration_error(chances[:, column], labels[:, column])
        figures[f"log_loss.{tier}"] = log_loss(chances[:, column], labels[:, column])
    for cheaper, dearer in combinations(range(len(table.tiers)), 2):
        names = f"{table.tiers[cheaper]}.{table.tiers[dearer]}"
        score = chances[:, dearer] - chances[:, cheaper]
        curve = gap_curve(score, table.correct[:, cheaper], table.correct[:, dearer])
        if curve is not None:
            figures[f"apgr.{names}"] = apgr(curve)
    return {name: round(figure, 4) for name, figure in figures.items()}


def _write(
    out: Path, arrays: Mapping[str, npt.NDArray[np.float32]], card: TrainingCard, acceptance: Acceptance | None
) -> TrainingCard:
    facts = asdict(card)
    del facts["version"]
    if acceptance is not None:
        facts |= write_acceptance(out, acceptance)
    written = write(out, arrays, facts)
    return replace(card, version=version_of(out.name, written))
