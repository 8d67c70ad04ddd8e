"""The command that makes the toy models: `python -m tiers.toys train --out DIR`."""

import argparse
from dataclasses import replace
from pathlib import Path

from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from tiers.toys.corpus import questions
from tiers.toys.shape import SHAPES
from tiers.toys.template import render


def main() -> None:
    """Parse the command line and train; needs the extra `distil`."""
    parser = argparse.ArgumentParser(prog="python -m tiers.toys")
    commands = parser.add_subparsers(required=True)
    train = commands.add_parser("train", help="train the models and write their GGUF files")
    train.add_argument("--out", type=Path, required=True, help="folder for checkpoints and GGUF files")
    train.add_argument(
        "--only",
        choices=[shape.name for shape in SHAPES],
        action="append",
        help="train this one; may be repeated",
    )
    train.add_argument("--seed", type=int, default=0)
    train.add_argument("--rate", type=float, help="peak learning rate instead of each shape's own")
    train.add_argument("--steps", type=int, help="optimiser steps instead of each shape's own")
    train.add_argument("--threads", type=int, default=1, help="threads; on a shared machine one is fastest")
    train.set_defaults(run=_train)
    check = commands.add_parser("check", help="compare the GGUF files in llama.cpp with the checkpoints in torch")
    check.add_argument("--out", type=Path, required=True, help="folder that `train` wrote")
    check.add_argument("--seed", type=int, default=0)
    check.set_defaults(run=_check)
    arguments = parser.parse_args()
    arguments.run(arguments)


def _train(arguments: argparse.Namespace) -> None:
    import torch

    from tiers.toys.gguf_file import write_gguf
    from tiers.toys.train import loaded, make_tokenizer, train

    torch.set_num_threads(arguments.threads)
    arguments.out.mkdir(parents=True, exist_ok=True)
    tokenizer = make_tokenizer(arguments.seed)
    columns = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn(), TimeRemainingColumn())
    with Progress(*columns) as progress:
        for smaller, shape in zip((None, *SHAPES[:-1]), SHAPES, strict=True):
            if arguments.only and shape.name not in arguments.only:
                continue
            start = loaded(smaller, arguments.out / f"{smaller.name}.pt") if smaller else None
            chosen = replace(shape, steps=arguments.steps or shape.steps, rate=arguments.rate or shape.rate)
            checkpoint = arguments.out / f"{shape.name}.pt"
            net = train(chosen, start, tokenizer, checkpoint, seed=arguments.seed, progress=progress)
            if shape.bundled:
                write_gguf(arguments.out / f"toy-{shape.name}.gguf", net, shape, tokenizer)


def _check(arguments: argparse.Namespace) -> None:
    from gguf import GGMLQuantizationType

    from tiers.toys.gguf_file import write_gguf
    from tiers.toys.parity import largest_difference
    from tiers.toys.train import loaded, make_tokenizer

    tokenizer = make_tokenizer(arguments.seed)
    texts = [render(item.messages, item.tools) + item.expected for item in questions("test", 20, seed=0)]
    for shape in (shape for shape in SHAPES if shape.bundled):
        net = loaded(shape, arguments.out / f"{shape.name}.pt")
        exact = arguments.out / f"{shape.name}-f32.gguf"
        write_gguf(exact, net, shape, tokenizer, GGMLQuantizationType.F32)
        for path in (exact, arguments.out / f"toy-{shape.name}.gguf"):
            worst = max(largest_difference(net, path, text) for text in texts)
            print(f"{path.name}: log-probabilities differ by at most {worst:.3f} nats")  # noqa: T201  # its output


if __name__ == "__main__":
    main()
