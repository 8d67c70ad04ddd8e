"""The trial of a policy on recorded answers: what the gateway would have served and spent, with nothing called."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from classifier.bound import laxest
from classifier.errors import DataError
from classifier.files import read_rows
from policies.decide import CompiledPolicy, compile_policy, decide
from policies.facts import facts
from policies.schema_policies import Policy
from policies.types import Decision, Facts, Predicted
from router.assess import predicted, question
from router.judging import Judge, judge_of
from router.snapshot import Snapshot
from router.views import idle_views

Doubles = npt.NDArray[np.float64]

ACCEPTS = tuple(round(1.0 - 0.02 * step, 2) for step in range(51))  # from the strictest


@dataclass(frozen=True, slots=True)
class Answer:
    """One tier's recorded answer. correct: in [0, 1]. logprobs: of its tokens, none where they were not recorded."""

    correct: float
    tokens: int
    logprobs: Sequence[float]


@dataclass(frozen=True, slots=True)
class Recorded:
    """A request, what the classifier says of it, and every tier's answer by the tier's name."""

    facts: Facts
    predicted: Predicted
    answers: Mapping[str, Answer]


@dataclass(frozen=True, slots=True)
class Trial:
    """correct: (rows,), of what was served. cost_nusd: (rows,), of all attempts, thrown-away drafts included."""

    correct: Doubles
    cost_nusd: Doubles


@dataclass(frozen=True, slots=True)
class Accepted:
    """The laxest `accept` that holds, and what comes of it on the rows.

    lost: gross. kept: share of the last tier's accuracy. spent: share of its cost.
    """

    accept: float
    lost: float
    kept: float
    spent: float


def read_recorded(path: Path, snapshot: Snapshot) -> tuple[Recorded, ...]:
    """Rows with `prompt` or `messages`, and for every tier `correct.<tier>`, `output_tokens.<tier>`, `logprobs.<tier>`.

    A tier goes by the name that the classifier knows it by. Raises DataError naming the row.
    """
    return tuple(_recorded(path, number, row, snapshot) for number, row in enumerate(read_rows(path), 1))


def _recorded(path: Path, number: int, row: Mapping[str, Any], snapshot: Snapshot) -> Recorded:
    messages = row.get("messages") or [{"role": "user", "content": str(row.get("prompt", ""))}]
    body = {"model": "", "messages": messages} | ({"tools": row["tools"]} if row.get("tools") else {})
    found = facts("/v1/chat/completions", body, tags={}, now=datetime.now(UTC))
    answers = {}
    for tier, rated in snapshot.rated_as.items():
        try:
            logprobs = row.get(f"logprobs.{rated}") or ()
            tokens = int(row.get(f"output_tokens.{rated}") or len(logprobs))
            answers[tier] = Answer(float(row[f"correct.{rated}"]), tokens, logprobs)
        except (KeyError, TypeError, ValueError):
            raise DataError(
                f"{path}: row {number}: correct.{rated}, output_tokens.{rated}: needs a number of each"
            ) from None
    return Recorded(found, predicted(snapshot, snapshot.classifier.assess(question(body, found))), answers)


def try_out(recorded: Sequence[Recorded], snapshot: Snapshot, policy: CompiledPolicy) -> Trial:
    """Every request decided and every draft judged as the gateway does, with all tiers up and idle."""
    views = idle_views(snapshot)
    served = [_served(each, decide("trial", policy, each.facts, each.predicted, views), snapshot) for each in recorded]
    return Trial(*(np.array(column, dtype=np.float64) for column in zip(*served, strict=True)))


def _served(each: Recorded, decision: Decision, snapshot: Snapshot) -> tuple[float, float]:
    """Mark and cost in nano-dollars of the first answer that is kept."""
    cost, drafts = 0.0, decision.cascade.drafts if decision.cascade is not None else ()
    for tier in decision.tiers:
        answer = each.answers[tier]
        if decision.cascade is None or tier not in drafts or not answer.logprobs:
            return answer.correct, cost + _cost(snapshot, tier, each.facts, answer.tokens)
        seen = _judged(answer.logprobs, judge_of(snapshot, decision.cascade, decision.predicted, tier))
        cost += _cost(snapshot, tier, each.facts, seen or answer.tokens)
        if seen is None:
            return answer.correct, cost
    raise AssertionError("a decision's last tier never drafts")


def _judged(logprobs: Sequence[float], judge: Judge) -> int | None:
    """Tokens after which a draft is thrown away, judged as of an answer that is not streamed; None where it is kept."""
    hold, length = judge.cascade.hold_tokens, len(logprobs)
    for seen in chain(range(hold, length, hold), (length,)):
        whole = seen == length
        if not judge.verdict(logprobs[:seen], whole=whole, at_once=whole).kept:
            return seen
    return None


def _cost(snapshot: Snapshot, tier: str, asked: Facts, tokens: int) -> float:
    rates = snapshot.rates[tier]
    return (rates.input or 0.0) * asked.prompt_tokens + (rates.output or 0.0) * tokens


def bounded_accept(recorded: Sequence[Recorded], snapshot: Snapshot, policy: Policy, lost: float) -> Accepted:
    """The laxest `accept` that loses at most `lost` of the last tier's right answers, with 95 % confidence.

    Lost is gross: right answers of the last tier of `cascade.then` that were not served, a share of all requests;
    what cheaper tiers answered better is not set against them. Raises DataError where no setting can be shown to hold.
    """
    cascade = policy.cascade
    if cascade is None or not cascade.then:
        raise DataError("calibrate: the policy has no cascade whose accept could be chosen")
    last = [each.answers[cascade.then[-1]] for each in recorded]
    best = np.array([answer.correct for answer in last])
    trials: list[Trial] = []

    def losses() -> Iterator[Doubles]:
        for accept in ACCEPTS:
            changed = policy.model_copy(update={"cascade": cascade.model_copy(update={"accept": accept})})
            trials.append(try_out(recorded, snapshot, compile_policy(changed)))
            yield np.maximum(best - trials[-1].correct, 0.0)

    found = laxest(losses(), lost)
    if found is None:
        raise DataError(f"calibrate: no accept can be shown to lose at most {lost:g} on {len(recorded)} rows")
    trial = trials[found.setting]
    alone = sum(
        _cost(snapshot, cascade.then[-1], each.facts, answer.tokens)
        for each, answer in zip(recorded, last, strict=True)
    )
    kept = float(trial.correct.mean() / best.mean()) if best.any() else 1.0
    spent = float(trial.cost_nusd.sum() / alone) if alone else 0.0
    return Accepted(ACCEPTS[found.setting], found.lost, kept, spent)
