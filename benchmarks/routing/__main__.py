"""`python -m benchmarks.routing --data DIR` measures the routing brain and writes docs/benchmarks/routing.md.

`--only pair,tiers,...` measures these rows and leaves the others of the report as they are.
"""

import argparse
import importlib.metadata
from pathlib import Path

from benchmarks.routing import cascade, edits, lengths, many, pair, speed, tiers

REPORT = Path("docs/benchmarks/routing.md")
SECTIONS = {"pair": pair, "tiers": tiers, "many": many, "cascade": cascade, "lengths": lengths, "edits": edits}
NAMES = (*SECTIONS, "speed")
LIBRARIES = ("numpy", "scikit-learn", "tokenizers")


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.routing", description=__doc__)
    parser.add_argument("--data", type=Path, help="folder with the public tables; not needed for speed")
    parser.add_argument("--only", default=",".join(NAMES), help=f"some of {', '.join(NAMES)}")
    parser.add_argument("--seeds", type=int, default=8)
    parser.add_argument("--embedder", type=Path, help="exported transformer, for its speed")
    parser.add_argument("--report", type=Path, default=REPORT)
    given = parser.parse_args()
    only = given.only.split(",")
    if given.data is None and set(only) - {"speed"}:
        parser.error("--data: needed for all but --only speed")
    found = _read(given.report)
    for name in only:
        lines = speed.section(given.embedder) if name == "speed" else SECTIONS[name].section(given.data, given.seeds)
        found[name] = "\n".join((*lines[:2], f"`{_command(name)}`", "", *lines[2:]))
        print(found[name], flush=True)
        _write(given.report, found)


def _command(name: str) -> str:
    given = "--embedder EMBEDDER" if name == "speed" else "--data DIR"
    return f"python -m benchmarks.routing --only {name} {given}"


def _read(report: Path) -> dict[str, str]:
    """Sections of the report as it stands, by the name in their command."""
    parts = report.read_text(encoding="utf-8").split("\n## ")[1:] if report.exists() else []
    named = {part.split("--only ")[1].split()[0]: f"## {part.rstrip()}\n" for part in parts if "--only " in part}
    return {name: named[name] for name in NAMES if name in named}


def _write(report: Path, found: dict[str, str]) -> None:
    versions = ", ".join(f"{name} {importlib.metadata.version(name)}" for name in LIBRARIES)
    head = f"""# Routing benchmark

What the classifier is worth on public tables. Every row is measured on prompts that nothing was fitted to: heads,
vocabulary, landmarks and calibration come from the training rows alone. The kind of head and its size were chosen
once, on averages over these tables (docs/classifier.md). In brackets 95 % bootstrap intervals over the test rows of one
split. {versions}.
"""
    body = "\n".join(found[name].rstrip() + "\n" for name in NAMES if name in found)
    report.parent.mkdir(parents=True, exist_ok=True)
    report.write_text(f"{head}\n{body}", encoding="utf-8")


if __name__ == "__main__":
    main()
