"""Output length on chat prompts: order (Kendall's tau for each model) and coverage of the 90th percentile."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks.routing.figures import table
from classifier.data import CHARS_PER_TOKEN
from classifier.embed import load_embedding
from classifier.files import read_rows
from classifier.fit import fit_lengths, folds_by_prompt, input_scale, one_thread
from classifier.fit_inputs import fit_inputs
from classifier.types import Question

FILES = ("arena_lengths.parquet", "arena_hard_lengths.parquet")
FEWEST = 50  # answers of a model to be ranked


@dataclass(frozen=True)
class Answers:
    """One row for each answer: prompt, model and tokens."""

    prompts: tuple[str, ...]
    models: np.ndarray
    tokens: np.ndarray


@dataclass(frozen=True)
class Split:
    """One split: mean tau over models, of the head and of what knows each prompt's mean; shares within P50 and P90."""

    tau: float
    oracle: float
    p50: float
    p90: float


def section(data: Path, seeds: int) -> list[str]:
    """`data`: folder with the arena tables; half of the prompts are learned from."""
    answers = _read(data)
    found = [_split(answers, seed) for seed in range(seeds)]
    tau, oracle, p50, p90 = (np.array([getattr(s, n) for s in found]) for n in ("tau", "oracle", "p50", "p90"))
    rows = [
        (
            "length head",
            f"{tau.mean():.3f} ± {tau.std():.3f}",
            f"{p50.mean():.1%}",
            f"{p90.mean():.1%} ± {p90.std():.1%}",
        ),
        ("the same length for all", "0.000", "50 %", "90 %"),
        ("oracle (each prompt's mean)", f"{oracle.mean():.3f}", "", ""),
    ]
    return [
        "## Output length: arena prompts",
        "",
        f"{len(answers.tokens):,} answers to {len(set(answers.prompts))} prompts; half of the prompts learned from,",
        f"{seeds} splits; Kendall's tau between predicted and true length, mean over models (aim 0.42; P90 88-92 %).",
        "",
        *table(("", "tau", "within P50", "within P90"), rows),
        "",
    ]


def _read(data: Path) -> Answers:
    rows = [row for name in FILES for row in read_rows(data / name) if row["answer_chars"]]
    models = np.array([f"{row['bench']} {row['model']}" for row in rows])
    tokens = np.array([max(row["answer_chars"] / CHARS_PER_TOKEN, 1.0) for row in rows])
    return Answers(tuple(row["prompt"] for row in rows), models, tokens)


def _split(answers: Answers, seed: int) -> Split:
    from scipy.stats import kendalltau

    prompts = np.array(list(dict.fromkeys(answers.prompts)), dtype=object)
    known = set(np.random.default_rng(seed).permutation(prompts)[: len(prompts) // 2])
    train = np.array([prompt in known for prompt in answers.prompts])
    said = _quantiles(answers, np.flatnonzero(train), np.flatnonzero(~train))
    models, tokens = answers.models[~train], answers.tokens[~train]
    asked = np.array(answers.prompts, dtype=object)[~train]
    means = {prompt: np.log(tokens[asked == prompt]).mean() for prompt in set(asked)}
    best = np.array([means[prompt] for prompt in asked])
    ranked = [models == model for model in np.unique(models) if (models == model).sum() >= FEWEST // 2]

    def tau(score: np.ndarray) -> float:
        return float(np.mean([kendalltau(score[rows], tokens[rows]).statistic for rows in ranked]))

    within = (tokens[:, None] <= said).mean(axis=0)
    return Split(tau(said[:, 0]), tau(best), float(within[0]), float(within[1]))


def _quantiles(answers: Answers, train: np.ndarray, test: np.ndarray) -> np.ndarray:
    """P50 and P90 for the rows in `test`, learned from those in `train`."""
    known = tuple(Question(answers.prompts[row]) for row in train)
    prompts = [question.text for question in known]
    folds = folds_by_prompt(prompts, 0)
    with one_thread():
        inputs = fit_inputs(load_embedding(), known, 0)
        matrix, scale = inputs.matrix(known), input_scale(inputs)
        head, _ = fit_lengths(matrix, scale, answers.tokens[train], folds, len(set(prompts)))
    return head.quantiles(inputs.matrix([Question(answers.prompts[row]) for row in test]))
