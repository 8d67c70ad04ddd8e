"""The static sentence embedding: the mean of token rows, in NumPy, a few microseconds a prompt."""

import hashlib
import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Protocol

import numpy as np
import numpy.typing as npt

from classifier.errors import UNREADABLE, ArtifactError
from classifier.wordpiece import WordPiece, read_wordpiece

Floats = npt.NDArray[np.float32]

HALF_CHARS = 1200  # read from each end of a text: about 256 tokens of English
HALF_TOKENS = 256


def window(text: str) -> str:
    """The head and tail of `text` that the classifier reads, at most 2 * HALF_CHARS + 1 characters."""
    if len(text) <= 2 * HALF_CHARS:
        return text
    return f"{text[:HALF_CHARS]}\n{text[-HALF_CHARS:]}"


class Embedding(Protocol):
    """What the heads need of an embedding; `classifier.transformer` is the other one.

    name: changes whenever the vectors would. dim: numbers in a vector.
    """

    @property
    def name(self) -> str: ...
    @property
    def dim(self) -> int: ...
    @property
    def wordpiece(self) -> WordPiece: ...

    def vector(self, text: str) -> Floats: ...
    def embed(self, texts: Sequence[str]) -> Floats: ...


@dataclass(frozen=True, slots=True)
class StaticEmbedding:
    """A token table and its tokenizer; safe to share between threads.

    table: (tokens, dim) float32. name: changes whenever the vectors would. unknown: the id without a meaning.
    """

    table: Floats
    wordpiece: WordPiece
    name: str
    unknown: int

    @property
    def dim(self) -> int:
        return int(self.table.shape[1])

    def ids(self, text: str) -> list[int]:
        """Token ids of `text`, unknown ones left out; at most HALF_TOKENS from each end."""
        ids = self.wordpiece.encode(window(text))
        if self.unknown in ids:
            ids = [i for i in ids if i != self.unknown]
        return ids if len(ids) <= 2 * HALF_TOKENS else ids[:HALF_TOKENS] + ids[-HALF_TOKENS:]

    def vector(self, text: str) -> Floats:
        """Unit vector (dim,) of one text; zeros where no token is known."""
        ids = self.ids(text)
        if not ids:
            return np.zeros(self.dim, dtype=np.float32)
        total: Floats = np.add.reduce(self.table.take(ids, axis=0), axis=0)
        return total * np.float32(1.0 / max(math.sqrt(float(total @ total)), 1e-12))

    def embed(self, texts: Sequence[str]) -> Floats:
        """Unit vectors, shape (len(texts), dim), float32."""
        if not texts:
            return np.zeros((0, self.dim), dtype=np.float32)
        return np.stack([self.vector(text) for text in texts])


def bundled_folder() -> Path:
    """Where the package keeps its token table."""
    return Path(str(files("classifier"))) / "artifacts" / "embedding"


def load_embedding(folder: Path | None = None) -> StaticEmbedding:
    """Read the table made by `classifier.distil` (about 15 MB in memory); the bundled one unless told.

    Raises ArtifactError where a file is missing, corrupt or not such a table.
    """
    folder = folder or bundled_folder()
    try:
        card = json.loads((folder / "card.json").read_text(encoding="utf-8"))
        blobs = {name: (folder / name).read_bytes() for name in ("table.npz", "tokenizer.json")}
        for name, blob in blobs.items():
            if hashlib.sha256(blob).hexdigest() != card["sha256"][name]:
                raise ArtifactError(
                    f"{folder / name} is not the file its card.json was written for: reinstall tiergate"
                )
        with np.load(folder / "table.npz", allow_pickle=False) as arrays:
            table = arrays["rows"].astype(np.float32) * arrays["scale"].astype(np.float32)[:, None]
        wordpiece = read_wordpiece(blobs["tokenizer.json"].decode("utf-8"))
    except UNREADABLE as error:
        raise ArtifactError(f"{folder}: no usable token table ({error}): reinstall tiergate") from error
    name = f"{card['name']}-{card['sha256']['table.npz'][:12]}"
    unknown = wordpiece.tokenizer.token_to_id("[UNK]")
    return StaticEmbedding(table=table, wordpiece=wordpiece, name=name, unknown=-1 if unknown is None else unknown)
