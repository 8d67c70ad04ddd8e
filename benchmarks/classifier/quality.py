"""Routing quality: trained on part of a table, measured on the rest."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from classifier.artifact import Classifier, load
from classifier.data import Lengths, Table, read_lengths, read_table
from classifier.embed import load_embedding
from classifier.evaluate import Evaluation, evaluate_table
from classifier.fit import fit_lengths, fit_outcomes, folds_by_prompt, input_scale, one_thread
from classifier.fit_inputs import fit_inputs
from classifier.length import LEVELS
from classifier.measure import apgr, gap_curve


@dataclass(frozen=True)
class PairFigures:
    """Mean APGR over the splits by what requests are ranked by; the spread is over splits."""

    labels: int
    difference: float
    spread: float
    gain: float
    cheap_only: float
    oracle: float


@dataclass(frozen=True)
class LengthFigures:
    """Length quantiles on prompts held out, beside the same two quantiles for every prompt."""

    answers: int
    prompts: int
    p50: float
    p90: float
    loss: float
    constant_loss: float


def pick(table: Table, rows: np.ndarray) -> Table:
    """The table with these rows only."""
    return replace(
        table,
        questions=tuple(table.questions[row] for row in rows),
        correct=table.correct[rows],
        output_tokens=None,
    )


def learn(table: Table, seed: int) -> Classifier:
    """A classifier learned from `table`, with the bundled length head unused."""
    folds = folds_by_prompt([question.text for question in table.questions], seed)
    with one_thread():
        inputs = fit_inputs(load_embedding(), table.questions, seed)
        matrix = inputs.matrix(table.questions)
        fit = fit_outcomes(matrix, input_scale(inputs), table.tiers, table.correct, folds)
    return replace(load("bundled"), inputs=inputs, outcomes=fit.head, version=f"benchmark-{seed}")


def split(table: Table, labels: int, seed: int) -> tuple[Classifier, Table]:
    """Learned from `labels` rows drawn with the seed, and the other rows."""
    order = np.random.default_rng(seed).permutation(len(table.questions))
    return learn(pick(table, order[:labels]), seed), pick(table, order[labels:])


def mmlu_pair(data: Path, labels: int, seeds: Sequence[int]) -> PairFigures:
    """The pair of RouteLLM: Mixtral-8x7B and GPT-4-1106 on MMLU."""
    table = read_table(data / "mmlu_two_tiers.parquet", ("weak", "strong"))
    found = []
    for seed in seeds:
        classifier, rest = split(table, labels, seed)
        quality, gain = classifier.outcomes.outcomes(classifier.inputs.matrix(rest.questions))
        cheap, dear = rest.correct.T
        scores = quality[:, 1] - quality[:, 0], gain[:, 0], -quality[:, 0], dear - cheap
        found.append([apgr(gap_curve(np.asarray(score, dtype=float), cheap, dear)) for score in scores])
    means = np.mean(found, axis=0)
    return PairFigures(labels, float(means[0]), float(np.std(found, axis=0)[0]), *map(float, means[1:]))


def three_tiers(data: Path, labels: int, seed: int) -> Evaluation:
    """Llama-3.1-8B, Llama-3.1-70B and gpt-4o on MMLU-Pro."""
    table = read_table(data / "mmlu_pro_three_tiers.parquet", ("edge", "short", "long"))
    classifier, rest = split(table, labels, seed)
    return evaluate_table(classifier, rest)


def lengths(data: Path) -> LengthFigures:
    """Coverage on the arena prompts, five-fold by prompt."""
    answers = read_lengths([data / "arena_lengths.parquet", data / "arena_hard_lengths.parquet"])
    prompts = [question.text for question in answers.questions]
    folds = folds_by_prompt(prompts, 1)
    said, constant = np.zeros((len(prompts), 2)), np.zeros((len(prompts), 2))
    for fold in range(5):
        train, test = np.flatnonzero(folds != fold), np.flatnonzero(folds == fold)
        said[test] = held_out_lengths(answers, train, test)
        constant[test] = np.quantile(answers.tokens[train], LEVELS)
    within = (answers.tokens[:, None] <= said).mean(axis=0)
    return LengthFigures(
        answers=len(prompts),
        prompts=len(set(prompts)),
        p50=float(within[0]),
        p90=float(within[1]),
        loss=pinball(answers.tokens, said),
        constant_loss=pinball(answers.tokens, constant),
    )


def held_out_lengths(answers: Lengths, train: np.ndarray, test: np.ndarray) -> np.ndarray:
    """Quantiles for the answers in `test` from a head fitted to those in `train`."""
    known = tuple(answers.questions[row] for row in train)
    prompts = [question.text for question in known]
    with one_thread():
        inputs = fit_inputs(load_embedding(), known, 0)
        head, _ = fit_lengths(
            inputs.matrix(known),
            input_scale(inputs),
            answers.tokens[train],
            folds_by_prompt(prompts, 0),
            len(set(prompts)),
        )
    return head.quantiles(inputs.matrix([answers.questions[row] for row in test]))


def pinball(tokens: np.ndarray, quantiles: np.ndarray) -> float:
    """Mean pinball loss of both quantiles over ln tokens."""
    over = np.log(tokens)[:, None] - np.log(quantiles)
    levels = np.array(LEVELS)
    return float(np.maximum(levels * over, (levels - 1.0) * over).mean())
