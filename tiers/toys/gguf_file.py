"""The GGUF file of a toy model: weights, tokenizer and chat template."""

import json
from pathlib import Path

import gguf
import numpy as np
from gguf import GGMLQuantizationType as Kind
from tokenizers import Tokenizer

from tiers.toys.net import Net
from tiers.toys.shape import CONTEXT, HEAD_WIDTH, NORM_EPSILON, ROPE_BASE, Shape
from tiers.toys.template import BOS, CHAT_TEMPLATE, END, PAD, SPECIAL
from tiers.toys.tokens import PRE_TOKENIZER

FILE_TYPES = {Kind.Q8_0: gguf.LlamaFileType.MOSTLY_Q8_0, Kind.F32: gguf.LlamaFileType.ALL_F32}


def write_gguf(path: Path, net: Net, shape: Shape, tokenizer: Tokenizer, kind: Kind = Kind.Q8_0) -> None:
    """Write the model so that llama.cpp loads it with nothing beside it; `kind` is how matrices are stored."""
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_file_type(FILE_TYPES[kind])
    _write_shape(writer, shape)
    _write_tokenizer(writer, tokenizer)
    for name, weight in _tensors(net):
        stored = kind if weight.ndim == 2 else Kind.F32
        writer.add_tensor(name, gguf.quants.quantize(weight, stored), raw_dtype=stored)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def _write_shape(writer: gguf.GGUFWriter, shape: Shape) -> None:
    writer.add_name(f"Tiergate toy model {shape.name}")
    writer.add_description(
        "A toy model for demonstrations and tests of Tiergate; it knows its small corpus and nothing else."
    )
    writer.add_license("apache-2.0")
    writer.add_context_length(CONTEXT)
    writer.add_embedding_length(shape.width)
    writer.add_block_count(shape.layers)
    writer.add_feed_forward_length(shape.feed_forward)
    writer.add_head_count(shape.heads)
    writer.add_head_count_kv(shape.heads)
    writer.add_rope_dimension_count(HEAD_WIDTH)
    writer.add_rope_freq_base(ROPE_BASE)
    writer.add_layer_norm_rms_eps(NORM_EPSILON)


def _write_tokenizer(writer: gguf.GGUFWriter, tokenizer: Tokenizer) -> None:
    model = json.loads(tokenizer.to_str())["model"]
    tokens = sorted(model["vocab"], key=model["vocab"].__getitem__)
    writer.add_vocab_size(len(tokens))
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre(PRE_TOKENIZER)
    writer.add_token_list(tokens)
    writer.add_token_types([gguf.TokenType.CONTROL if token in SPECIAL else gguf.TokenType.NORMAL for token in tokens])
    writer.add_token_merges([" ".join(pair) for pair in model["merges"]])
    writer.add_bos_token_id(tokens.index(BOS))
    writer.add_eos_token_id(tokens.index(END))
    writer.add_pad_token_id(tokens.index(PAD))
    writer.add_add_bos_token(False)  # the chat template writes it
    writer.add_chat_template(CHAT_TEMPLATE)


def _tensors(net: Net) -> list[tuple[str, np.ndarray]]:
    """llama.cpp's names and float32 weights; the joint query-key-value matrix is cut in three."""
    tensors = []
    for name, weight in net.state_dict().items():
        values = weight.numpy().astype(np.float32)
        if ".attn_qkv." in name:
            parts = zip(("attn_q", "attn_k", "attn_v"), np.split(values, 3), strict=True)
            tensors += [(name.replace("attn_qkv", part), cut) for part, cut in parts]
        else:
            tensors.append((name, values))
    return tensors
