"""The artifact: a trained classifier on disk, and loaded, ready to assess requests.

A folder with `model.npz` (arrays only, never pickles) and `card.json` (what it was trained on, how good it is, and
the hash of the arrays). It names the token table it was trained with, which the package carries, or brings the
transformer along in the folder `embedder`.
"""

import hashlib
import io
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from classifier.acceptance import Acceptance, load_acceptance
from classifier.embed import Embedding, bundled_folder, load_embedding
from classifier.errors import UNREADABLE, ArtifactError
from classifier.features import NAMES, REVISION
from classifier.head import OutcomeHead
from classifier.inputs import Inputs, Standard
from classifier.length import LengthHead
from classifier.transformer import Transformer
from classifier.trees import MOST_LEAVES, Trees
from classifier.types import Assessment, Question

Floats = npt.NDArray[np.float32]

KIND = "tiergate-classifier"
FORMAT = 1
EMBEDDER = "embedder"  # folder inside an artifact: the transformer that it was trained with
BUNDLED = {"bundled": "bundled", "bundled:toy": "toy"}
_ARRAYS = (
    "feature_mean",
    "feature_per_deviation",
    "landmarks",
    "nearness_mean",
    "nearness_per_deviation",
    "outcome_bias",
    "length_weights",
    "length_bias",
    "length_steps",
)
_TREES = ("tree_feature", "tree_threshold", "tree_lost", "tree_leaves", "tree_slopes")
_LINES = ("outcome_weights",)


@dataclass(frozen=True, slots=True)
class Classifier:
    """A trained classifier. Immutable: share it between threads.

    version: name and hash of what was learned. card: what `card.json` says. acceptance: judges drafts, None where the
    artifact was trained on answers without log-probabilities.
    """

    inputs: Inputs
    outcomes: OutcomeHead
    lengths: LengthHead
    version: str
    card: Mapping[str, Any] = field(default_factory=dict)
    acceptance: Acceptance | None = None

    @property
    def tiers(self) -> tuple[str, ...]:
        """Names of the tiers it was trained on, cheapest first."""
        return self.outcomes.tiers

    @property
    def dim(self) -> int:
        """Numbers in one embedding."""
        return self.inputs.embedding.dim

    def assess(self, q: Question) -> Assessment:
        """What is to be expected of a request; takes any text, and as long for a megabyte as for a page.

        The length quantiles are capped by `q.max_tokens`.
        """
        row = self.inputs.row(q)
        quality, gain = self.outcomes.outcome(row)
        p50, p90 = self.lengths.length(row)
        most = math.inf if q.max_tokens is None else float(max(q.max_tokens, 1))
        return Assessment(
            quality=dict(zip(self.tiers, quality, strict=True)),
            gain=dict(zip(self.outcomes.pairs, gain, strict=True)),
            output_p50=min(p50, most),
            output_p90=min(p90, most),
            version=self.version,
        )

    def embed(self, texts: Sequence[str]) -> Floats:
        """Unit vectors (len(texts), dim), float32; zeros for a text without a known token."""
        return self.inputs.embedding.embed(texts)

    def count_tokens(self, text: str) -> int:
        """An estimate of the tokens a current model counts in `text`."""
        return self.inputs.embedding.wordpiece.count(text)


def load(name_or_path: str | Path) -> Classifier:
    """`bundled`, `bundled:toy`, or a folder written by training.

    Raises ArtifactError, saying what to mend, where it is missing, corrupt, not an artifact, or made for other
    features or another token table than this version's.
    """
    folder = _folder(name_or_path)
    card, blob = _read(folder)
    embedding = _embedding(folder)
    _check(folder, card, blob, embedding)
    arrays = _arrays(folder, blob)
    _check_arrays(folder, arrays, len(card["tiers"]), embedding.dim)
    classifier = assemble(embedding, tuple(card["tiers"]), arrays, card, name=folder.name)
    return replace(classifier, acceptance=load_acceptance(folder, card))


def assemble(
    embedding: Embedding,
    tiers: tuple[str, ...],
    arrays: Mapping[str, npt.NDArray[Any]],
    card: Mapping[str, Any],
    name: str,
) -> Classifier:
    """A classifier from its parts; `card["sha256"]` tells versions apart."""
    return Classifier(
        inputs=Inputs(
            embedding=embedding,
            features=Standard(arrays["feature_mean"], arrays["feature_per_deviation"]),
            landmarks=arrays["landmarks"],
            nearness=Standard(arrays["nearness_mean"], arrays["nearness_per_deviation"]),
        ),
        outcomes=OutcomeHead(tiers, arrays["outcome_bias"], _trees(arrays), arrays.get(_LINES[0])),
        lengths=LengthHead(arrays["length_weights"], arrays["length_bias"], arrays["length_steps"]),
        version=version_of(name, card),
        card=card,
    )


def version_of(name: str, card: Mapping[str, Any]) -> str:
    """The artifact's name and the beginning of its hash."""
    return f"{name}-{str(card['sha256'])[:12]}"


def _trees(arrays: Mapping[str, npt.NDArray[Any]]) -> Trees | None:
    if _TREES[0] not in arrays:
        return None
    feature, threshold, lost, leaves, slopes = (arrays[name] for name in _TREES)
    return Trees(feature, threshold, lost, leaves.astype(np.float32), slopes)


def arrays_of(inputs: Inputs, outcomes: OutcomeHead, lengths: LengthHead) -> dict[str, npt.NDArray[Any]]:
    """The arrays that `write` stores and `load` reads."""
    trees = outcomes.trees
    forest = () if trees is None else (trees.feature, trees.threshold, trees.lost, trees.leaves, trees.slopes)
    return {
        **dict(zip(_TREES, forest, strict=False)),
        **({} if outcomes.weights is None else {_LINES[0]: outcomes.weights}),
        "feature_mean": inputs.features.mean,
        "feature_per_deviation": inputs.features.per_deviation,
        "landmarks": inputs.landmarks,
        "nearness_mean": inputs.nearness.mean,
        "nearness_per_deviation": inputs.nearness.per_deviation,
        "outcome_bias": outcomes.bias,
        "length_weights": lengths.weights,
        "length_bias": lengths.bias,
        "length_steps": lengths.steps,
    }


def write(out: Path, arrays: Mapping[str, npt.NDArray[Any]], card: Mapping[str, Any]) -> dict[str, Any]:
    """Write an artifact into the folder `out` and return its card, with kind, format and hash filled in."""
    out.mkdir(parents=True, exist_ok=True)
    buffer = io.BytesIO()
    np.savez_compressed(
        buffer, allow_pickle=False, **{name: values.astype(_stored(name)) for name, values in arrays.items()}
    )
    blob = buffer.getvalue()
    full = {
        "kind": KIND,
        "format": FORMAT,
        "features": REVISION,
        **card,
        "sha256": hashlib.sha256(blob).hexdigest(),
    }
    (out / "model.npz").write_bytes(blob)
    (out / "card.json").write_text(json.dumps(full, indent=2) + "\n", encoding="utf-8")
    return full


def _stored(name: str) -> npt.DTypeLike:
    return {"tree_feature": np.int16, "tree_lost": np.uint32, "tree_leaves": np.float16}.get(name, np.float32)


def _folder(name_or_path: str | Path) -> Path:
    name = str(name_or_path)
    if name in BUNDLED:
        return bundled_folder().parent / BUNDLED[name]
    if name.startswith("bundled"):
        raise ArtifactError(f"classifier artifact: found {name!r}, allowed {', '.join(BUNDLED)} or a folder")
    return Path(name_or_path)


def _embedding(folder: Path) -> Embedding:
    """The transformer that the artifact brings along, else the static table."""
    own = folder / EMBEDDER
    return Transformer.open(own) if own.is_dir() else load_embedding()


def _again(folder: Path) -> str:
    return f"make it again with `tiergate classifier train DATA --out {folder}`"


def _read(folder: Path) -> tuple[dict[str, Any], bytes]:
    try:
        card = json.loads((folder / "card.json").read_text(encoding="utf-8"))
        blob = (folder / "model.npz").read_bytes()
    except (OSError, ValueError) as error:
        raise ArtifactError(f"{folder}: no classifier artifact there ({error}): {_again(folder)}") from error
    if not isinstance(card, dict) or card.get("kind") != KIND:
        raise ArtifactError(f"{folder / 'card.json'}: not the card of a classifier artifact: {_again(folder)}")
    return card, blob


def _check(folder: Path, card: Mapping[str, Any], blob: bytes, embedding: Embedding) -> None:
    """Refuse what this version cannot serve as it was trained."""
    allowed = {"format": FORMAT, "features": REVISION, "embedding": embedding.name}
    for key, value in allowed.items():
        if card.get(key) != value:
            raise ArtifactError(f"{folder}: {key}: found {card.get(key)!r}, allowed {value!r}: {_again(folder)}")
    if card.get("sha256") != hashlib.sha256(blob).hexdigest():
        raise ArtifactError(f"{folder / 'model.npz'}: corrupt, its hash is not the card's: {_again(folder)}")
    tiers = card.get("tiers")
    if not isinstance(tiers, list) or len(tiers) < 2 or not all(isinstance(tier, str) for tier in tiers):
        raise ArtifactError(f"{folder / 'card.json'}: tiers: allowed two or more names: {_again(folder)}")


def _arrays(folder: Path, blob: bytes) -> dict[str, npt.NDArray[Any]]:
    try:
        with np.load(io.BytesIO(blob), allow_pickle=False) as arrays:
            names = (*_ARRAYS, *(name for part in (_TREES, _LINES) if part[0] in arrays for name in part))
            return {name: arrays[name].astype(_stored(name)) for name in names}
    except UNREADABLE as error:
        raise ArtifactError(f"{folder / 'model.npz'}: cannot be read ({error}): {_again(folder)}") from error


def _check_arrays(folder: Path, arrays: Mapping[str, npt.NDArray[Any]], tiers: int, dim: int) -> None:
    heads = tiers + tiers * (tiers - 1) // 2
    landmarks = len(np.atleast_1d(arrays["landmarks"]))
    width = len(NAMES) + dim + landmarks
    allowed = {
        "feature_mean": (len(NAMES),),
        "feature_per_deviation": (len(NAMES),),
        "landmarks": (landmarks, dim),
        "nearness_mean": (landmarks,),
        "nearness_per_deviation": (landmarks,),
        "outcome_bias": (heads,),
        "length_weights": (2, width),
        "length_bias": (2,),
        "length_steps": (2,),
    }
    if _LINES[0] in arrays:
        allowed |= {_LINES[0]: (heads, width)}
    if _TREES[0] in arrays:
        count, nodes = np.atleast_2d(arrays[_TREES[0]]).shape
        allowed |= dict.fromkeys(_TREES[:3], (count, nodes)) | {
            "tree_leaves": (count, MOST_LEAVES, heads),
            "tree_slopes": (heads,),
        }
    for name, shape in allowed.items():
        if arrays[name].shape != shape or not np.isfinite(arrays[name]).all():
            raise ArtifactError(f"{folder / 'model.npz'}: {name}: not {shape} finite numbers: {_again(folder)}")
    if arrays["length_steps"][0] > arrays["length_steps"][1]:
        raise ArtifactError(f"{folder / 'model.npz'}: length_steps: P90 below P50: {_again(folder)}")
