"""Acceptance: what a draft's own tokens say of it, learned from drafts whose outcome is known.

For every pair of a drafting tier and a dearer one, and for a draft just begun as for a whole one: the chance that the
draft is right, and the gain, the chance that the dearer tier is right where the draft is wrong. Logistic models on
products of the evidence, calibrated by isotonic regression on prompts held out. Low quantiles see the few tokens at
which an answer was a guess (Gupta et al., "Language Model Cascades: Token-level uncertainty and beyond", 2024).
"""

import hashlib
import io
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from classifier.confidence import quantile
from classifier.errors import UNREADABLE, ArtifactError

Doubles = npt.NDArray[np.float64]

FILE = "acceptance.npz"
HASH = "acceptance_sha256"  # in card.json
BEGUN, WHOLE = 0, 1  # places of the two stages of a draft
RIGHT, GAIN = 0, 1  # places of the two chances
LEVELS = (0.0, 0.05, 0.5)  # quantiles of the tokens' log-probabilities
EVIDENCE = len(LEVELS) + 5
KNOTS = 24  # points of a calibration curve
_LEAST_SURPRISE = 1e-3  # nats; below it tokens are alike sure
_FARTHEST = 4.0  # deviations from the mean beyond which evidence counts no more
_TINY = 1e-4
_FIRST, _SECOND = np.triu_indices(EVIDENCE + 1)
WIDTH = len(_FIRST)


class Chances(NamedTuple):
    """right: that the draft is right. gain: that the dearer tier is right and the draft wrong. In [0, 1]."""

    right: float
    gain: float


@dataclass(frozen=True, slots=True)
class Acceptance:
    """tiers: as in the artifact, cheapest first; `pairs` of them in the order of `combinations`.

    mean, per_deviation: (pairs, 2, EVIDENCE), of the evidence by stage. weights: (pairs, 2, 2, WIDTH), by stage and
    chance. scores, chances: (pairs, 2, 2, KNOTS), the calibration curves, neither ever falling. typical_tokens: median
    of the predicted answer lengths that this was learned with.
    """

    tiers: tuple[str, ...]
    mean: Doubles
    per_deviation: Doubles
    weights: Doubles
    scores: Doubles
    chances: Doubles
    typical_tokens: float
    pairs: Mapping[tuple[str, str], int] = field(default_factory=dict)

    def judge(
        self,
        draft: str,
        rival: str,
        logprobs: Sequence[float],
        *,
        whole: bool,
        draft_quality: float,
        rival_quality: float,
        output_p50: float,
    ) -> Chances | None:
        """What to expect of a draft of tier `draft` beside an answer of the dearer tier `rival`.

        logprobs: natural logarithms, of the tokens so far; `whole` where the draft has ended. draft_quality,
        rival_quality, output_p50: predicted. None where there are no tokens, or the pair is not one that was learned.
        """
        pair = self.pairs.get((draft, rival))
        if pair is None or not logprobs:
            return None
        stage = WHOLE if whole else BEGUN
        row = evidence(logprobs, draft_quality, rival_quality, output_p50)
        inputs = products((row - self.mean[pair, stage]) * self.per_deviation[pair, stage])
        score = self.weights[pair, stage] @ inputs
        curves = self.scores[pair, stage], self.chances[pair, stage]
        return Chances(*(float(np.interp(score[place], curves[0][place], curves[1][place])) for place in (RIGHT, GAIN)))


def evidence(logprobs: Sequence[float], draft_quality: float, rival_quality: float, output_p50: float) -> Doubles:
    """(EVIDENCE,): how surprised the draft was (low quantiles and mean), its length, and what was predicted."""
    ordered = sorted(logprobs)
    surprises = [quantile(ordered, level) for level in LEVELS] + [math.fsum(ordered) / len(ordered)]
    return np.array(
        [
            *(math.log(_LEAST_SURPRISE - min(surprise, 0.0)) for surprise in surprises),
            math.log(len(ordered)),
            _logit(draft_quality),
            _logit(rival_quality),
            math.log(max(output_p50, 1.0)),
        ]
    )


def products(standard: Doubles) -> Doubles:
    """(..., WIDTH): one, every piece of standardised evidence (..., EVIDENCE), and every product of two of them."""
    held = np.clip(standard, -_FARTHEST, _FARTHEST)
    with_one = np.concatenate((np.ones((*held.shape[:-1], 1)), held), axis=-1)
    multiplied: Doubles = with_one[..., _FIRST] * with_one[..., _SECOND]
    return multiplied


def _logit(chance: float) -> float:
    held = min(max(chance, _TINY), 1.0 - _TINY)
    return math.log(held / (1.0 - held))


def assembled(tiers: tuple[str, ...], arrays: Mapping[str, Doubles]) -> Acceptance:
    """From the arrays that `arrays_of` gives."""
    pairs = {pair: place for place, pair in enumerate(combinations(tiers, 2))}
    parts = {name: arrays[name] for name in _shapes(len(pairs))}
    return Acceptance(tiers, typical_tokens=float(arrays["typical_tokens"]), pairs=pairs, **parts)


def arrays_of(acceptance: Acceptance) -> dict[str, Doubles]:
    """The arrays that are stored."""
    parts = {name: getattr(acceptance, name) for name in _shapes(len(acceptance.pairs))}
    return parts | {"typical_tokens": np.array(acceptance.typical_tokens)}


def write_acceptance(folder: Path, acceptance: Acceptance) -> dict[str, str]:
    """Write it beside an artifact's other files; returns what the card must say of it."""
    buffer = io.BytesIO()
    np.savez_compressed(buffer, allow_pickle=False, **arrays_of(acceptance))
    folder.mkdir(parents=True, exist_ok=True)
    (folder / FILE).write_bytes(buffer.getvalue())
    return {HASH: hashlib.sha256(buffer.getvalue()).hexdigest()}


def load_acceptance(folder: Path, card: Mapping[str, Any]) -> Acceptance | None:
    """What `write_acceptance` wrote; None where the card names none. Raises ArtifactError where it is not that."""
    if HASH not in card:
        return None
    try:
        blob = (folder / FILE).read_bytes()
        with np.load(io.BytesIO(blob), allow_pickle=False) as stored:
            arrays = {name: stored[name].astype(np.float64) for name in stored.files}
    except UNREADABLE as error:
        raise ArtifactError(f"{folder / FILE}: cannot be read ({error}): train the artifact again") from error
    if hashlib.sha256(blob).hexdigest() != card[HASH]:
        raise ArtifactError(f"{folder / FILE}: corrupt, its hash is not the card's: train the artifact again")
    tiers = tuple(card["tiers"])
    shapes = _shapes(len(tuple(combinations(tiers, 2)))) | {"typical_tokens": ()}
    for name, shape in shapes.items():
        if name not in arrays or arrays[name].shape != shape or not np.isfinite(arrays[name]).all():
            raise ArtifactError(f"{folder / FILE}: {name}: not {shape} finite numbers: train the artifact again")
    return assembled(tiers, arrays)


def _shapes(pairs: int) -> dict[str, tuple[int, ...]]:
    return {
        "mean": (pairs, 2, EVIDENCE),
        "per_deviation": (pairs, 2, EVIDENCE),
        "weights": (pairs, 2, 2, WIDTH),
        "scores": (pairs, 2, 2, KNOTS),
        "chances": (pairs, 2, 2, KNOTS),
    }
