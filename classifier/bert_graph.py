"""The ONNX graph of a BERT sentence transformer: tokens in, one unit vector for each text out.

Offline only (extra `train`). Attention is ONNX Runtime's fused operator, so that it quantises as one.
"""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]

OPSET, ORT_OPSET = 20, 1
IR_VERSION = 9
_ORT = "com.microsoft"


@dataclass(frozen=True, slots=True)
class Shape:
    """layers, attention heads, numbers per token, and the epsilon of the layer norms."""

    layers: int
    heads: int
    width: int
    epsilon: float


@dataclass(slots=True)
class _Graph:
    """Nodes and weights, in the order that they were added."""

    nodes: list[Any] = field(default_factory=list)
    weights: list[Any] = field(default_factory=list)

    def constant(self, name: str, values: npt.NDArray[Any]) -> str:
        from onnx import numpy_helper

        self.weights.append(numpy_helper.from_array(np.ascontiguousarray(values), name))
        return name

    def add(self, kind: str, *inputs: str, out: str = "", domain: str = "", **attributes: Any) -> str:
        from onnx import helper

        out = out or f"{kind}_{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, list(inputs), [out], name=out, domain=domain, **attributes))
        return out


def bert_graph(shape: Shape, weights: dict[str, Floats]) -> Any:
    """The model: inputs `ids` and `mask` (texts, tokens), int32, mask 1 where a token is; output `vectors`.

    weights: by BERT's own names; (out, in) for dense layers. Raises KeyError for one that is missing.
    """
    from onnx import TensorProto, helper

    graph = _Graph()
    hidden = _embedded(graph, shape, weights)
    for layer in range(shape.layers):
        hidden = _layer(graph, shape, weights, f"encoder.layer.{layer}.", hidden)
    _pooled(graph, hidden)
    tokens = [helper.make_tensor_value_info(name, TensorProto.INT32, ["texts", "tokens"]) for name in ("ids", "mask")]
    vectors = helper.make_tensor_value_info("vectors", TensorProto.FLOAT, ["texts", shape.width])
    return helper.make_model(
        helper.make_graph(graph.nodes, "sentence-transformer", tokens, [vectors], graph.weights),
        opset_imports=[helper.make_opsetid("", OPSET), helper.make_opsetid(_ORT, ORT_OPSET)],
        ir_version=IR_VERSION,
        producer_name="tiergate",
    )


def _embedded(graph: _Graph, shape: Shape, weights: dict[str, Floats]) -> str:
    """Word, position and segment (always the first), normed."""
    words = graph.constant("words", weights["embeddings.word_embeddings.weight"])
    segment = weights["embeddings.token_type_embeddings.weight"][0]
    places = graph.constant("places", weights["embeddings.position_embeddings.weight"] + segment)
    one = graph.constant("one", np.array([1], dtype=np.int64))
    two = graph.constant("two", np.array([2], dtype=np.int64))
    zero = graph.constant("zero", np.array([0], dtype=np.int64))
    tokens = graph.add("Slice", graph.add("Shape", "ids"), one, two)
    used = graph.add("Slice", places, zero, tokens, zero)
    return _normed(graph, shape, weights, "embeddings.", graph.add("Add", graph.add("Gather", words, "ids"), used))


def _layer(graph: _Graph, shape: Shape, weights: dict[str, Floats], prefix: str, hidden: str) -> str:
    parts = [f"{prefix}attention.self.{part}" for part in ("query", "key", "value")]
    joined = graph.constant(f"{prefix}qkv", np.concatenate([weights[f"{part}.weight"].T for part in parts], axis=1))
    bias = graph.constant(f"{prefix}qkv.bias", np.concatenate([weights[f"{part}.bias"] for part in parts]))
    seen = graph.add("Attention", hidden, joined, bias, "mask", domain=_ORT, num_heads=shape.heads)
    seen = _dense(graph, weights, f"{prefix}attention.output.dense", seen)
    hidden = _normed(graph, shape, weights, f"{prefix}attention.output.", graph.add("Add", seen, hidden))
    wide = graph.add("Gelu", _dense(graph, weights, f"{prefix}intermediate.dense", hidden))
    narrow = _dense(graph, weights, f"{prefix}output.dense", wide)
    return _normed(graph, shape, weights, f"{prefix}output.", graph.add("Add", narrow, hidden))


def _dense(graph: _Graph, weights: dict[str, Floats], name: str, hidden: str) -> str:
    product = graph.add("MatMul", hidden, graph.constant(f"{name}.weight", weights[f"{name}.weight"].T))
    return graph.add("Add", product, graph.constant(f"{name}.bias", weights[f"{name}.bias"]))


def _normed(graph: _Graph, shape: Shape, weights: dict[str, Floats], prefix: str, hidden: str) -> str:
    scale = graph.constant(f"{prefix}norm.scale", weights[f"{prefix}LayerNorm.weight"])
    bias = graph.constant(f"{prefix}norm.bias", weights[f"{prefix}LayerNorm.bias"])
    return graph.add("LayerNormalization", hidden, scale, bias, axis=-1, epsilon=shape.epsilon)


def _pooled(graph: _Graph, hidden: str) -> None:
    """The mean of the tokens that the mask keeps, at unit length."""
    last = graph.constant("last", np.array([2], dtype=np.int64))
    tokens = graph.constant("token_axis", np.array([1], dtype=np.int64))
    kept = graph.add("Unsqueeze", graph.add("Cast", "mask", to=1), last)  # 1: float
    total = graph.add("ReduceSum", graph.add("Mul", hidden, kept), tokens, keepdims=0)
    graph.add("LpNormalization", total, out="vectors", axis=-1, p=2)  # a mean and a sum have one direction
