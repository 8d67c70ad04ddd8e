"""The transformer sentence embedding: a small BERT in int8, served by ONNX Runtime; milliseconds a prompt.

Needs the extra `transformer`. The folder is made by `tiergate classifier export-embedder`.
"""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from classifier.errors import ArtifactError
from classifier.wordpiece import WordPiece, read_wordpiece

Floats = npt.NDArray[np.float32]
Ints = npt.NDArray[np.int32]

KIND, FORMAT = "tiergate-transformer", 1
CARD, MODEL, TOKENIZER = "card.json", "model.onnx", "tokenizer.json"
MOST_TOKENS = 256  # read of a text, the two special tokens among them; MiniLM was trained on as many
BATCH_TOKENS = 2048  # in one run, padding counted: what keeps memory small and short texts together
_CHARS_PER_TOKEN = 12  # of a text at most that many are split into tokens, for each token read
_SLOWER = ["SkipLayerNormFusion"]  # the fused kernel is not vectorised: 4.3 ms of 17 at 102 tokens, unfused 0.9


@dataclass(frozen=True, slots=True)
class Transformer:
    """Texts to unit vectors; safe to share between threads.

    dim: numbers in a vector. name: changes whenever the vectors would. Texts of more than `most_tokens` are read at
    their head and tail. Vectors are quantised with their batch, so the same text in another batch has a cosine of
    about 0.999 to itself.
    """

    session: Any
    wordpiece: WordPiece
    name: str
    dim: int
    most_tokens: int
    special: tuple[int, int]  # ids that open and close a text

    @classmethod
    def open(cls, folder: str | Path, *, threads: int = 1, most_tokens: int | None = None) -> "Transformer":
        """Load an exported folder (about 60 MB in memory); threads: of one `embed`.

        Raises ArtifactError where it is missing, corrupt or foreign, or where ONNX Runtime is not installed.
        """
        folder = Path(folder)
        card, model, wordpiece = _read(folder)
        ids = [wordpiece.tokenizer.token_to_id(token) for token in ("[CLS]", "[SEP]")]
        if None in ids:
            raise ArtifactError(f"{folder / TOKENIZER}: no [CLS] and [SEP] in it: {_again(folder)}")
        return cls(
            session=_session(folder, model, threads),
            wordpiece=wordpiece,
            name=f"{card['name']}-{card['sha256'][MODEL][:12]}",
            dim=int(card["dim"]),
            most_tokens=min(most_tokens or MOST_TOKENS, int(card["most_tokens"])),
            special=(ids[0], ids[1]),
        )

    def vector(self, text: str) -> Floats:
        """Unit vector (dim,) of one text."""
        vector: Floats = self.embed([text])[0]
        return vector

    def embed(self, texts: Sequence[str]) -> Floats:
        """Unit vectors (len(texts), dim), float32, in the order of `texts`; any `str` is accepted."""
        vectors = np.zeros((len(texts), self.dim), dtype=np.float32)
        ids = [self._ids(text) for text in texts]
        for places in _batches([len(one) for one in ids]):
            vectors[places] = self._run([ids[place] for place in places])
        return vectors

    def fits(self, text: str) -> bool:
        """Whether the whole of `text` is read: two texts that do not fit may differ in what was left out."""
        return (
            len(text) <= self.most_tokens * _CHARS_PER_TOKEN
            and len(self.wordpiece.encode(text)) <= self.most_tokens - 2
        )

    def _ids(self, text: str) -> list[int]:
        most = self.most_tokens * _CHARS_PER_TOKEN
        if len(text) > 2 * most:
            text = f"{text[:most]}\n{text[-most:]}"
        ids, room = self.wordpiece.encode(text), self.most_tokens - 2
        if len(ids) > room:
            ids = ids[: room - room // 2] + ids[-(room // 2) :]
        return [self.special[0], *ids, self.special[1]]

    def _run(self, ids: Sequence[Sequence[int]]) -> Floats:
        longest = max(map(len, ids))
        padded, mask = np.zeros((2, len(ids), longest), dtype=np.int32)
        for row, one in enumerate(ids):
            padded[row, : len(one)] = one
            mask[row, : len(one)] = 1
        vectors: Floats = self.session.run(None, {"ids": padded, "mask": mask})[0]
        return vectors


def _batches(lengths: Sequence[int]) -> list[list[int]]:
    """Places of texts of near length together, at most BATCH_TOKENS with the padding, or one text."""
    batches: list[list[int]] = []
    for place in sorted(range(len(lengths)), key=lengths.__getitem__):
        if batches and (len(batches[-1]) + 1) * lengths[place] <= BATCH_TOKENS:
            batches[-1].append(place)
        else:
            batches.append([place])
    return batches


def _read(folder: Path) -> tuple[dict[str, Any], bytes, WordPiece]:
    try:
        card = json.loads((folder / CARD).read_text(encoding="utf-8"))
        blobs = {name: (folder / name).read_bytes() for name in (MODEL, TOKENIZER)}
        if card["kind"] != KIND or card["format"] != FORMAT:
            raise ArtifactError(f"{folder / CARD}: not a transformer of this version: {_again(folder)}")
        for name, blob in blobs.items():
            if hashlib.sha256(blob).hexdigest() != card["sha256"][name]:
                raise ArtifactError(f"{folder / name}: corrupt, its hash is not the card's: {_again(folder)}")
        wordpiece = read_wordpiece(blobs[TOKENIZER].decode("utf-8"))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ArtifactError(f"{folder}: no transformer there ({error}): {_again(folder)}") from error
    return card, blobs[MODEL], wordpiece


def _session(folder: Path, model: bytes, threads: int) -> Any:
    try:
        import onnxruntime
    except ImportError as error:
        raise ArtifactError("the transformer needs onnxruntime: pip install 'tiergate[transformer]'") from error
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 3  # errors; what it says below that is for its own developers
    try:
        return onnxruntime.InferenceSession(
            model, options, providers=["CPUExecutionProvider"], disabled_optimizers=_SLOWER
        )
    except Exception as error:  # the library's errors have no common base
        raise ArtifactError(f"{folder / MODEL}: ONNX Runtime refuses it ({error}): {_again(folder)}") from error


def _again(folder: Path) -> str:
    return f"make it again with `tiergate classifier export-embedder --out {folder}`"
