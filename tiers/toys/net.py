"""The network: a small Llama whose rotary embedding turns pairs of neighbours, as llama.cpp's does."""

import torch
from torch import Tensor, nn
from torch.nn import functional

from tiers.toys.shape import HEAD_WIDTH, NORM_EPSILON, ROPE_BASE, TRAINED_TOKENS, VOCABULARY, Shape


def rotations(length: int) -> tuple[Tensor, Tensor]:
    """Cosines and sines, each (length, HEAD_WIDTH / 2)."""
    rates = ROPE_BASE ** (-torch.arange(0, HEAD_WIDTH, 2) / HEAD_WIDTH)
    angles = torch.arange(length)[:, None] * rates
    return angles.cos(), angles.sin()


def rotate(x: Tensor, cosine: Tensor, sine: Tensor) -> Tensor:
    """Turn each pair of neighbours of x (batch, heads, length, HEAD_WIDTH) by its position's angle."""
    even, odd = x[..., 0::2], x[..., 1::2]
    return torch.stack((even * cosine - odd * sine, even * sine + odd * cosine), dim=-1).flatten(-2)


class Block(nn.Module):  # type: ignore[misc]  # torch is not installed where types are checked
    """Attention and feed-forward, each after a norm and beside a residual."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.heads = shape.heads
        self.attn_norm = nn.RMSNorm(shape.width, eps=NORM_EPSILON)
        self.attn_qkv = nn.Linear(shape.width, 3 * shape.width, bias=False)
        self.attn_output = nn.Linear(shape.width, shape.width, bias=False)
        self.ffn_norm = nn.RMSNorm(shape.width, eps=NORM_EPSILON)
        self.ffn_gate = nn.Linear(shape.width, shape.feed_forward, bias=False)
        self.ffn_up = nn.Linear(shape.width, shape.feed_forward, bias=False)
        self.ffn_down = nn.Linear(shape.feed_forward, shape.width, bias=False)

    def forward(self, x: Tensor, cosine: Tensor, sine: Tensor) -> Tensor:
        batch, length, width = x.shape
        qkv = self.attn_qkv(self.attn_norm(x)).view(batch, length, 3, self.heads, HEAD_WIDTH)
        query, key, value = qkv.permute(2, 0, 3, 1, 4)
        query, key = rotate(query, cosine, sine), rotate(key, cosine, sine)
        mixed = functional.scaled_dot_product_attention(query, key, value, is_causal=True)
        x = x + self.attn_output(mixed.transpose(1, 2).reshape(batch, length, width))
        h = self.ffn_norm(x)
        return x + self.ffn_down(functional.silu(self.ffn_gate(h)) * self.ffn_up(h))


class Net(nn.Module):  # type: ignore[misc]  # torch is not installed where types are checked
    """Token ids (batch, length) to hidden states (batch, length, width); `logits` maps these to tokens."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.token_embd = nn.Embedding(VOCABULARY, shape.width)
        self.blk = nn.ModuleList(Block(shape) for _ in range(shape.layers))
        self.output_norm = nn.RMSNorm(shape.width, eps=NORM_EPSILON)
        cosine, sine = rotations(TRAINED_TOKENS)
        self.register_buffer("cosine", cosine, persistent=False)
        self.register_buffer("sine", sine, persistent=False)
        self._initialise(shape)

    def _initialise(self, shape: Shape) -> None:
        nn.init.normal_(self.token_embd.weight, std=shape.width**-0.5)
        for block in self.blk:
            for name, weight in block.named_parameters():
                if weight.dim() == 2:
                    scale = (2 * shape.layers) ** -0.5 if name.startswith(("attn_output", "ffn_down")) else 1.0
                    nn.init.normal_(weight, std=scale * weight.shape[1] ** -0.5)

    def forward(self, tokens: Tensor) -> Tensor:
        length = tokens.shape[1]
        x = self.token_embd(tokens)
        for block in self.blk:
            x = block(x, self.cosine[:length], self.sine[:length])
        return self.output_norm(x)

    def logits(self, hidden: Tensor) -> Tensor:
        """Scores of the next token; the matrix is the embedding's."""
        return hidden @ self.token_embd.weight.T
