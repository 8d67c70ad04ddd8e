"""Growth: a larger network that computes at first exactly what a smaller, trained one computes.

New widths, heads, units and layers read at random but write nothing yet; training then puts them to use. After Chen,
Goodfellow and Shlens, "Net2Net: Accelerating Learning via Knowledge Transfer" (2015).
"""

import torch
from torch import Tensor

from tiers.toys.net import Block, Net
from tiers.toys.shape import Shape

WRITERS = ("attn_output.weight", "ffn_down.weight", "token_embd.weight")  # these begin at zero beyond the old part


@torch.no_grad()  # type: ignore[untyped-decorator]  # torch is not installed where types are checked
def grown(small: Net, shape: Shape) -> Net:
    """A network of the larger shape that continues the smaller one; new layers stand between the old."""
    large = Net(shape)
    for block in large.blk:
        block.attn_output.weight.zero_()
        block.ffn_down.weight.zero_()
    every = len(large.blk) // len(small.blk)
    for place, old in enumerate(small.blk):
        _extend_block(large.blk[place * every], old)
    _extend("token_embd.weight", large.token_embd.weight, small.token_embd.weight)
    _extend("output_norm.weight", large.output_norm.weight, small.output_norm.weight)
    return large


def _extend_block(new: Block, old: Block) -> None:
    fresh = dict(new.named_parameters())
    for name, weight in old.named_parameters():
        if name == "attn_qkv.weight":
            for part, old_part in zip(fresh[name].chunk(3), weight.chunk(3), strict=True):
                _extend(name, part, old_part)
        else:
            _extend(name, fresh[name], weight)


def _extend(name: str, new: Tensor, old: Tensor) -> None:
    """Copy the old weights into the first rows and columns of the new."""
    if new.dim() == 1:
        new.fill_(1.0)[: len(old)] = old
        new.mul_((len(old) / len(new)) ** 0.5)  # zeros among its inputs make a root mean square smaller
        return
    if name in WRITERS:
        new.zero_()
    new[: old.shape[0], : old.shape[1]] = old
