"""A GGUF file of random weights: a Llama of any shape whose text means nothing and whose cost is real."""

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from string import ascii_lowercase

import numpy as np
from gguf import GGMLQuantizationType, GGUFWriter, TokenType

CHATML = (
    "{% for message in messages %}<|im_start|>{{ message.role }}\n{{ message.content }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
SPECIAL = ("<|endoftext|>", "<|im_start|>", "<|im_end|>")
QUANT_BLOCK = 32  # weights that share one scale in Q8_0


@dataclass(frozen=True, slots=True)
class Shape:
    """A Llama's dimensions; `vocabulary` is the number of tokens, bytes and special ones included."""

    layers: int
    width: int
    heads: int
    kv_heads: int
    feed_forward: int
    vocabulary: int
    context: int = 32768

    @property
    def head_width(self) -> int:
        return self.width // self.heads

    def matrices(self) -> Iterator[tuple[str, int, int]]:
        """(name, rows, columns) of each weight matrix; the output layer is tied to the embedding."""
        yield "token_embd.weight", self.vocabulary, self.width
        kv_width = self.kv_heads * self.head_width
        for layer in range(self.layers):
            name = f"blk.{layer}."
            yield name + "attn_q.weight", self.width, self.width
            yield name + "attn_k.weight", kv_width, self.width
            yield name + "attn_v.weight", kv_width, self.width
            yield name + "attn_output.weight", self.width, self.width
            yield name + "ffn_gate.weight", self.feed_forward, self.width
            yield name + "ffn_up.weight", self.feed_forward, self.width
            yield name + "ffn_down.weight", self.width, self.feed_forward

    def norms(self) -> Iterator[str]:
        yield "output_norm.weight"
        for layer in range(self.layers):
            yield f"blk.{layer}.attn_norm.weight"
            yield f"blk.{layer}.ffn_norm.weight"

    @property
    def parameters(self) -> int:
        return sum(rows * columns for _, rows, columns in self.matrices())


TINY = Shape(layers=2, width=64, heads=4, kv_heads=2, feed_forward=128, vocabulary=1024)
EDGE_230M = Shape(layers=20, width=1024, heads=16, kv_heads=4, feed_forward=2560, vocabulary=16384)


def write(path: Path, shape: Shape, *, seed: int = 0, template: str | None = CHATML, quantised: bool = True) -> None:
    """Write the model to `path`; the same shape and seed give the same file. Weights are Q8_0 or F32, norms ones."""
    writer = GGUFWriter(path, "llama")
    _add_dimensions(writer, shape)
    _add_vocabulary(writer, shape, template)
    random = np.random.default_rng(seed)
    for name in shape.norms():
        writer.add_tensor(name, np.ones(shape.width, dtype=np.float32))
    for name, rows, columns in shape.matrices():
        if quantised:
            blocks = _random_blocks(random, rows, columns)
            writer.add_tensor(name, blocks, raw_dtype=GGMLQuantizationType.Q8_0)
        else:
            weights = random.normal(scale=columns**-0.5, size=(rows, columns))
            writer.add_tensor(name, weights.astype(np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def _add_dimensions(writer: GGUFWriter, shape: Shape) -> None:
    writer.add_context_length(shape.context)
    writer.add_embedding_length(shape.width)
    writer.add_block_count(shape.layers)
    writer.add_feed_forward_length(shape.feed_forward)
    writer.add_head_count(shape.heads)
    writer.add_head_count_kv(shape.kv_heads)
    writer.add_rope_dimension_count(shape.head_width)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_vocab_size(shape.vocabulary)


def _add_vocabulary(writer: GGUFWriter, shape: Shape, template: str | None) -> None:
    letters = list(byte_letters().values())
    merges = list(itertools.islice(_merges(), shape.vocabulary - len(letters) - len(SPECIAL)))
    tokens = letters + [left + right for left, right in merges] + list(SPECIAL)
    kinds = [TokenType.NORMAL] * (len(tokens) - len(SPECIAL)) + [TokenType.CONTROL] * len(SPECIAL)
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("gpt-2")
    writer.add_token_list(tokens)
    writer.add_token_types(kinds)
    writer.add_token_merges([f"{left} {right}" for left, right in merges])
    writer.add_bos_token_id(tokens.index("<|endoftext|>"))
    writer.add_eos_token_id(tokens.index("<|im_end|>"))
    writer.add_add_bos_token(False)
    if template is not None:
        writer.add_chat_template(template)


def byte_letters() -> dict[int, str]:
    """GPT-2's printable letter for each of the 256 bytes."""
    printable = [*range(ord("!"), ord("~") + 1), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    hidden = [byte for byte in range(256) if byte not in printable]
    return {byte: chr(byte) for byte in printable} | {byte: chr(256 + i) for i, byte in enumerate(hidden)}


def _merges() -> Iterator[tuple[str, str]]:
    """Pairs, then triples of lower-case letters, each also after a space: about three letters a token in English."""
    yield from itertools.product(ascii_lowercase, repeat=2)
    yield from (("Ġ", letter) for letter in ascii_lowercase)
    yield from ((f"Ġ{left}", right) for left, right in itertools.product(ascii_lowercase, repeat=2))
    yield from ((f"{a}{b}", c) for a, b, c in itertools.product(ascii_lowercase, repeat=3))


def _random_blocks(random: np.random.Generator, rows: int, columns: int) -> np.ndarray:
    """Q8_0 bytes of a (rows, columns) matrix whose entries have a standard deviation of 1/sqrt(columns)."""
    blocks = rows * columns // QUANT_BLOCK
    scale = np.float16(columns**-0.5 / 73.6)  # 73.6: the standard deviation of integers from -127 to 127
    data = np.empty((blocks, 2 + QUANT_BLOCK), dtype=np.uint8)
    data[:, :2] = np.frombuffer(scale.tobytes(), dtype=np.uint8)
    data[:, 2:] = random.integers(-127, 128, (blocks, QUANT_BLOCK), dtype=np.int8).view(np.uint8)
    return data.reshape(rows, -1)
