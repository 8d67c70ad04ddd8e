"""`python -m benchmarks.classifier --data DIR` prints the classifier's figures and writes them to the docs."""

import argparse
import importlib.metadata
import platform
from pathlib import Path

from benchmarks.classifier.quality import LengthFigures, PairFigures, lengths, mmlu_pair, three_tiers
from benchmarks.classifier.speed import Timing, time_assess
from classifier.evaluate import Evaluation, Interval

REPORT = Path("docs/benchmarks/classifier.md")
LABELS = (500, 1500)
SEEDS = range(4)
THREE_TIER_LABELS = 4000
TIMED = ((1, 5000), (6, 5000), (50, 2000), (10_000, 500))  # sentences in the prompt, calls
LIBRARIES = ("numpy", "tokenizers", "scikit-learn")


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.classifier", description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder with the public tables")
    parser.add_argument("--report", type=Path, default=REPORT)
    given = parser.parse_args()
    text = "\n".join(
        (
            *_head(),
            *_pairs([mmlu_pair(given.data, labels, SEEDS) for labels in LABELS]),
            *_tiers(three_tiers(given.data, THREE_TIER_LABELS, 0)),
            *_lengths(lengths(given.data)),
            *_speed([time_assess(repeats, calls) for repeats, calls in TIMED]),
        )
    )
    print(text)
    given.report.parent.mkdir(parents=True, exist_ok=True)
    given.report.write_text(text + "\n", encoding="utf-8")


def _head() -> list[str]:
    versions = ", ".join(
        f"{name} {importlib.metadata.version(name)}" for name in ("numpy", "tokenizers", "scikit-learn")
    )
    return [
        "# Classifier benchmark",
        "",
        f"`python -m benchmarks.classifier --data DIR`; Python {platform.python_version()}, {versions}.",
        "What the tables are and what the figures mean: [classifier.md](../classifier.md). Every model is measured on",
        "rows that it has not seen.",
        "",
    ]


def _pairs(found: list[PairFigures]) -> list[str]:
    rows = [
        f"| {f.labels:,} | **{f.difference:.3f}** ± {f.spread:.3f} | {f.gain:.3f} | {f.cheap_only:.3f} | 0.500 "
        f"| {f.oracle:.3f} |"
        for f in found
    ]
    return [
        "## Two tiers: Mixtral-8x7B or GPT-4, MMLU",
        "",
        f"APGR, mean over {len(SEEDS)} random splits (± is the deviation over splits). The router ranks by difference",
        "of predicted quality; the next two columns rank by the gain head alone and by the cheap tier's quality alone.",
        "",
        "| labels | router | gain alone | cheap tier alone | chance | oracle |",
        "|---|---|---|---|---|---|",
        *rows,
        "",
    ]


def _tiers(found: Evaluation) -> list[str]:
    alone = [f"| always {t.name} | {t.cost:g} | {t.quality:.3f} | {t.calibration_error:.3f} |" for t in found.tiers]
    pairs = [
        f"| {p.cheaper} - {p.dearer} | {_interval(p.apgr)} | {_interval(p.cpt50)} | {_interval(p.cpt80)} |"
        for p in found.pairs
    ]
    return [
        "## Three tiers: Llama-3.1-8B, Llama-3.1-70B, gpt-4o, MMLU-Pro",
        "",
        f"Trained on {THREE_TIER_LABELS:,} rows, measured on {found.rows:,}; costs evenly spaced; in brackets 95 %",
        "bootstrap intervals.",
        "",
        "| over all budgets | AIQ |",
        "|---|---|",
        f"| router | **{_interval(found.aiq)}** |",
        f"| single tiers mixed by chance | {_interval(found.aiq_random)} |",
        f"| oracle | {_interval(found.aiq_oracle)} |",
        "",
        "| single tier | cost | quality | calibration error of its prediction |",
        "|---|---|---|---|",
        *alone,
        "",
        "| pair | APGR | CPT50 | CPT80 |",
        "|---|---|---|---|",
        *pairs,
        "",
    ]


def _lengths(found: LengthFigures) -> list[str]:
    return [
        "## Output length: arena prompts",
        "",
        f"{found.answers:,} answers of 20 models to {found.prompts} prompts, five-fold by prompt.",
        "",
        "| | share within P50 | share within P90 | pinball loss, ln tokens |",
        "|---|---|---|---|",
        f"| length head | {found.p50:.3f} | **{found.p90:.3f}** | {found.loss:.4f} |",
        f"| the same two lengths for every prompt | 0.500 | 0.900 | {found.constant_loss:.4f} |",
        "",
    ]


def _speed(found: list[Timing]) -> list[str]:
    rows = [f"| {t.tokens:,} | {t.p50_ms:.3f} | {t.p99_ms:.3f} |" for t in found]
    return [
        "## Time of one assessment",
        "",
        "One thread, milliseconds, on a 2-core machine that other work kept busy.",
        "",
        "| prompt tokens | p50 | p99 |",
        "|---|---|---|",
        *rows,
    ]


def _interval(found: Interval | None) -> str:
    return "no gap" if found is None else f"{found.value:.3f} ({found.low:.3f}-{found.high:.3f})"


if __name__ == "__main__":
    main()
