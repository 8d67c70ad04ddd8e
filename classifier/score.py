"""Scoring: a table in, the same table out with what the classifier says of each row.

Adds `quality.<tier>`, `gain.<cheaper>.<dearer>`, `output_tokens.p50` and `output_tokens.p90`.
"""

from pathlib import Path

from classifier.artifact import load
from classifier.data import read_questions
from classifier.files import row_writer
from classifier.types import Assessment


def score(artifact_dir: str | Path, data: Path, out: Path) -> int:
    """Score the rows of `data`, which need a `prompt` and no labels, into `out`; returns the number of rows.

    Both are Parquet, CSV or JSON lines, by their suffix. Raises ArtifactError and DataError.
    """
    write = row_writer(out)
    classifier = load(artifact_dir)
    rows, questions = read_questions(data)
    write([{**row, **columns(classifier.assess(question))} for row, question in zip(rows, questions, strict=True)])
    return len(rows)


def columns(assessment: Assessment) -> dict[str, float]:
    """An assessment as the columns of a table."""
    return {
        **{f"quality.{tier}": chance for tier, chance in assessment.quality.items()},
        **{f"gain.{cheaper}.{dearer}": chance for (cheaper, dearer), chance in assessment.gain.items()},
        "output_tokens.p50": assessment.output_p50,
        "output_tokens.p90": assessment.output_p90,
    }
