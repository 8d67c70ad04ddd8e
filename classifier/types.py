"""What the classifier is asked and what it answers."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Question:
    """The part of a request that the classifier reads.

    text: the last user message, then what context fits (the reader truncates, never the caller). max_tokens: the
    caller's limit on the answer, None where not given.
    """

    text: str
    turns: int = 1
    prompt_tokens: int = 0
    has_code: bool = False
    has_tools: bool = False
    wants_json: bool = False
    max_tokens: int | None = None


@dataclass(frozen=True, slots=True)
class Assessment:
    """quality: P(answer is good) in [0, 1] for each tier name of the artifact, calibrated; gain: P(dearer right and
    cheaper wrong) keyed `(cheaper, dearer)`; output_p50, output_p90: tokens, P90 >= P50 >= 1; version: the artifact's.
    """

    quality: Mapping[str, float]
    gain: Mapping[tuple[str, str], float]
    output_p50: float
    output_p90: float
    version: str
