"""Parity: that llama.cpp computes from the file what torch computes from the weights."""

from pathlib import Path

import numpy as np
import torch

from tiers.toys.answer import opened
from tiers.toys.net import Net


def largest_difference(net: Net, path: Path, text: str) -> float:
    """The largest difference of a token's log-probability over all positions of the text, in nats.

    With float32 weights a right file differs by a hundredth (llama.cpp keeps keys and values in float16). Q8_0 rounds
    weights and activations: up to a nat or two at single positions, mostly in prompts, which are not trained.
    """
    with opened(path) as answerer:
        tokens = answerer.model.tokenize(text.encode(), add_bos=False, special=True)
        theirs = []
        answerer.model.reset()
        for token in tokens:
            answerer.model.eval([token])
            theirs.append(answerer.scores())
    with torch.no_grad():
        ours = net.logits(net(torch.tensor([tokens])))[0].log_softmax(-1).numpy()
    likely = ours > np.log(1e-3)
    return float(np.abs(ours - np.stack(theirs))[likely].max())
