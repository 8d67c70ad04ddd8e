"""The command that makes the toy models: `python -m tiers.toys train --out DIR`."""

import argparse
from dataclasses import replace
from pathlib import Path

from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from tiers.toys.shape import SHAPES


def main() -> None:
    """Parse the command line and train; needs the extra `distil`."""
    parser = argparse.ArgumentParser(prog="python -m tiers.toys")
    commands = parser.add_subparsers(required=True)
    train = commands.add_parser("train", help="train the models and write their GGUF files")
    train.add_argument("--out", type=Path, required=True, help="folder for checkpoints and GGUF files")
    train.add_argument("--only", choices=[shape.name for shape in SHAPES], action="append", help="train this one; may be repeated")
    train.add_argument("--seed", type=int, default=0)
    train.add_argument("--rate", type=float, help="peak learning rate instead of each shape's own")
    train.add_argument("--steps", type=int, help="optimiser steps instead of each shape's own")
    train.add_argument("--threads", type=int, default=1, help="threads; on a shared machine one is fastest")
    train.set_defaults(run=_train)
    arguments = parser.parse_args()
    arguments.run(arguments)


def _train(arguments: argparse.Namespace) -> None:
    import torch

    from tiers.toys.gguf_file import write_gguf
    from tiers.toys.train import make_tokenizer, train

    torch.set_num_threads(arguments.threads)
    arguments.out.mkdir(parents=True, exist_ok=True)
    tokenizer = make_tokenizer(arguments.seed)
    columns = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn(), TimeRemainingColumn())
    with Progress(*columns) as progress:
        for shape in SHAPES:
            if arguments.only and shape.name not in arguments.only:
                continue
            chosen = replace(shape, steps=arguments.steps or shape.steps, rate=arguments.rate or shape.rate)
            checkpoint = arguments.out / f"{shape.name}.pt"
            net = train(chosen, tokenizer, checkpoint, seed=arguments.seed, progress=progress)
            write_gguf(arguments.out / f"toy-{shape.name}.gguf", net, shape, tokenizer)


if __name__ == "__main__":
    main()
