"""Outcomes: which toy model answers which question right, as rows that a router can be trained from.

    python benchmarks/toy/outcomes.py --rows 3000 --out outcomes.jsonl

Each row has `prompt` (what the user said last), `messages`, `tools`, `family`, `difficulty`, and per tier
`correct.<tier>` in [0, 1], `output_tokens.<tier>` (the end mark included) and `logprobs.<tier>` (natural
logarithms). The questions are of the corpus's split `outcomes`, which shares none with training and test.
"""

import argparse
import json
from pathlib import Path
from typing import Any

from rich.progress import Progress

from tiers.bundled import listed
from tiers.toys.corpus import SPLITS, questions
from tiers.toys.evaluate import Judged, judged, table
from tiers.toys.item import Item


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=3_000)
    parser.add_argument("--split", choices=SPLITS[1:], default="outcomes")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--out", type=Path, help="JSONL file of rows; without it only the table is printed")
    arguments = parser.parse_args()
    by_model = answer_all(questions(arguments.split, arguments.rows, arguments.seed), arguments.threads)
    print(table(by_model))
    if arguments.out:
        lines = [json.dumps(row(results)) for results in zip(*by_model.values(), strict=True)]
        arguments.out.write_text("\n".join(lines) + "\n", encoding="utf-8")


def answer_all(items: list[Item], threads: int) -> dict[str, list[Judged]]:
    """Model name to its judged answers, in the order of the questions."""
    with Progress() as progress:
        results = {}
        for model in listed():
            task = progress.add_task(model.name, total=len(items))
            results[model.name] = judged(
                model.path, items, threads=threads, tick=lambda task=task: progress.update(task, advance=1)
            )
        return results


def row(results: tuple[Judged, ...]) -> dict[str, Any]:
    """One question's row from its results in the order of `listed()`."""
    item = results[0].item
    found: dict[str, Any] = {
        "prompt": item.prompt,
        "messages": list(item.messages),
        "tools": list(item.tools),
        "family": item.family,
        "difficulty": item.difficulty,
    }
    for model, result in zip(listed(), results, strict=True):
        found[f"correct.{model.name}"] = result.mark
        found[f"output_tokens.{model.name}"] = len(result.answer.logprobs)
        found[f"logprobs.{model.name}"] = [round(logprob, 4) for logprob in result.answer.logprobs]
    return found


if __name__ == "__main__":
    main()
