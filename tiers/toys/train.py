"""Training: from a seed to checkpoints, on the CPU."""

from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from random import Random

import torch
from rich.progress import Progress
from tokenizers import Tokenizer
from torch import Tensor
from torch.nn import functional

from tiers.toys.batches import Example, batches
from tiers.toys.corpus import Corpus
from tiers.toys.grow import grown
from tiers.toys.muon import Muon
from tiers.toys.net import Net
from tiers.toys.shape import VOCABULARY, Shape
from tiers.toys.template import render
from tiers.toys.tokens import train_tokenizer

MICRO_TOKENS = 512  # tokens of one forward pass
MICRO_STEPS = 4  # forward passes of one optimiser step, so that a step sees conversations of several lengths
WARM_UP = 40  # steps
SAVE_EVERY = 50  # steps
EMBEDDING_RATE = 2.0  # learning rate of embedding and norms over that of the matrices
TOKENIZER_ITEMS = 12_000


def make_tokenizer(seed: int) -> Tokenizer:
    """The tokenizer of all models, learned from questions and answers of the training split."""
    rng = Random(seed)  # noqa: S311  # drawing questions is no cryptography
    items = islice(Corpus().draw("train", rng), TOKENIZER_ITEMS)
    texts = (render(item.messages, item.tools) + item.expected for item in items)
    return train_tokenizer(texts, VOCABULARY)


def train(
    shape: Shape, start: Net | None, tokenizer: Tokenizer, checkpoint: Path, *, seed: int, progress: Progress
) -> Net:
    """Train for `shape.steps` steps on batches drawn from the seed; goes on from the checkpoint where there is one.

    start: the smaller network to grow from, or None to begin at random.
    """
    torch.manual_seed(seed)
    net = grown(start, shape) if start else Net(shape)
    optimisers = _optimisers(net, shape)
    done = _resume(checkpoint, net, optimisers)
    rng = Random(seed)  # noqa: S311  # drawing questions is no cryptography
    micro = batches(Corpus(shape.mix), tokenizer, rng, MICRO_TOKENS)
    _skip(micro, done * MICRO_STEPS)
    task = progress.add_task(shape.name, total=shape.steps, completed=done)
    for step in range(done, shape.steps):
        loss = _step(net, optimisers, list(islice(micro, MICRO_STEPS)), _schedule(step, shape.steps))
        progress.update(task, advance=1, description=f"{shape.name} loss {loss:.3f}")
        if (step + 1) % SAVE_EVERY == 0 or step + 1 == shape.steps:
            _save(checkpoint, net, optimisers, step + 1)
            progress.console.print(f"{shape.name}: step {step + 1}, loss {loss:.3f}")
    return net


def _optimisers(net: Net, shape: Shape) -> list[torch.optim.Optimizer]:
    """Muon for the matrices of the blocks, AdamW for embedding and norms."""
    matrices = [p for p in net.blk.parameters() if p.dim() == 2]
    others = [p for p in net.parameters() if not any(p is m for m in matrices)]
    return [
        Muon(matrices, lr=shape.rate),
        torch.optim.AdamW(others, lr=EMBEDDING_RATE * shape.rate, weight_decay=0.0, betas=(0.9, 0.98)),
    ]


def _schedule(step: int, steps: int) -> float:
    """Linear warm-up, then linear decay to nothing."""
    return min((step + 1) / WARM_UP, (steps - step) / max(steps - WARM_UP, 1))


def _step(net: Net, optimisers: list[torch.optim.Optimizer], micro: list[list[Example]], share: float) -> float:
    """One optimiser step at a share of the peak rates; returns the weighted mean loss in nats per token."""
    whole = sum(sum(example.weights) for group in micro for example in group)
    loss_sum = 0.0
    for group in micro:
        loss = _loss(net, group) / whole
        loss.backward()
        loss_sum += loss.item()
    torch.nn.utils.clip_grad_norm_(net.parameters(), 1.0)
    for optimiser in optimisers:
        for parameters in optimiser.param_groups:
            parameters["lr"] = share * optimiser.defaults["lr"]
        optimiser.step()
        optimiser.zero_grad(set_to_none=True)
    return loss_sum


def _loss(net: Net, group: list[Example]) -> Tensor:
    """The weighted sum of the answers' cross entropies; scores are computed for answer tokens only."""
    longest = max(len(example.tokens) for example in group)
    tokens = torch.tensor([e.tokens + [0] * (longest - len(e.tokens)) for e in group])
    weights = torch.tensor([e.weights + [0.0] * (longest - len(e.weights)) for e in group])
    answers = weights[:, 1:] > 0
    scores = net.logits(net(tokens[:, :-1])[answers])
    losses = functional.cross_entropy(scores, tokens[:, 1:][answers], reduction="none")
    return (losses * weights[:, 1:][answers]).sum()


def _skip(micro: Iterator[list[Example]], count: int) -> None:
    for _ in islice(micro, count):
        pass


def loaded(shape: Shape, checkpoint: Path) -> Net:
    """The network of a checkpoint. Raises FileNotFoundError where there is none."""
    net = Net(shape)
    net.load_state_dict(torch.load(checkpoint, weights_only=True)["net"])
    return net


def _save(path: Path, net: Net, optimisers: list[torch.optim.Optimizer], step: int) -> None:
    state = {"step": step, "net": net.state_dict(), "optimisers": [o.state_dict() for o in optimisers]}
    part = path.with_suffix(".part")
    torch.save(state, part)
    part.replace(path)


def _resume(path: Path, net: Net, optimisers: list[torch.optim.Optimizer]) -> int:
    """Load the checkpoint where there is one; returns the steps already done."""
    if not path.exists():
        return 0
    state = torch.load(path, weights_only=True)
    net.load_state_dict(state["net"])
    for optimiser, saved in zip(optimisers, state["optimisers"], strict=True):
        optimiser.load_state_dict(saved)
    return int(state["step"])
