"""Acceptance: drafts judged by what was learned of drafts."""

import json

import numpy as np
import pytest

from classifier.acceptance import FILE, load_acceptance, write_acceptance
from classifier.artifact import load
from classifier.errors import ArtifactError, DataError
from classifier.fit_acceptance import Drafts, fit_acceptance, read_logprobs
from classifier.train import train

TIERS = ("small", "large")


def made(seed: int, rows: int = 600, *, shuffled: bool = False) -> Drafts:
    """Drafts with one doubtful token; the doubtful are wrong, the large tier is right nine times in ten."""
    draw = np.random.default_rng(seed)
    doubt = draw.uniform(0.0, 1.0, rows)
    right = (draw.uniform(0.0, 1.0, rows) > doubt).astype(float)
    if shuffled:
        draw.shuffle(right)
    logprobs = [[-0.01, *(-0.01 * draw.uniform(0.5, 1.5, 10)), -4.0 * one, -0.02] for one in doubt]
    large = (draw.uniform(0.0, 1.0, rows) < 0.9).astype(float)
    return Drafts(
        TIERS, (tuple(logprobs),), np.stack((right, large), axis=1), np.tile((0.5, 0.9), (rows, 1)),
        np.full(rows, 20.0), draw.integers(0, 5, rows),
    )  # fmt: skip


def judged(acceptance, logprobs, *, whole=True, draft="small", rival="large"):
    return acceptance.judge(
        draft, rival, logprobs, whole=whole, draft_quality=0.5, rival_quality=0.9, output_p50=20.0
    )  # fmt: skip


@pytest.fixture(scope="module")
def learned():
    return fit_acceptance(made(1))


def test_a_doubtful_draft_is_told_from_a_sure_one(learned):
    """What was certain at every token is likely right, and going on gains little."""
    sure, doubtful = judged(learned, [-0.01] * 12 + [-0.1]), judged(learned, [-0.01] * 12 + [-3.8])
    assert sure.right > 0.8 > 0.3 > doubtful.right
    assert sure.gain < 0.2 < 0.6 < doubtful.gain


def test_the_chances_are_calibrated(learned):
    """Of other drafts the mean chance is the share that is right, for the surer half as for the other."""
    other = made(2)
    chances = np.array([judged(learned, logprobs) for logprobs in other.logprobs[0]])
    right = other.correct[:, 0]
    for half in (chances[:, 0] > 0.5, chances[:, 0] <= 0.5):
        assert chances[half, 0].mean() == pytest.approx(right[half].mean(), abs=0.07)
    gain = np.maximum(other.correct[:, 1] - right, 0.0)
    assert chances[:, 1].mean() == pytest.approx(gain.mean(), abs=0.05)


def test_nothing_is_learned_from_shuffled_labels():
    """With labels that have nothing to do with the drafts, sure and doubtful drafts are judged alike."""
    learned = fit_acceptance(made(3, shuffled=True))
    sure, doubtful = judged(learned, [-0.01] * 13), judged(learned, [-0.01] * 12 + [-3.8])
    assert abs(sure.right - doubtful.right) < 0.2


def test_what_was_not_learned_is_not_judged(learned):
    """Another pair, the dearer tier's own drafts, or a draft without log-probabilities: no chances at all."""
    assert judged(learned, [-0.1], draft="large", rival="small") is None
    assert judged(learned, [-0.1], draft="huge") is None
    assert judged(learned, []) is None


def test_it_is_stored_and_loaded(learned, tmp_path):
    """The same chances after a round through the file; a damaged file is refused, and none is no error."""
    card = {"tiers": list(TIERS), **write_acceptance(tmp_path, learned)}
    again = load_acceptance(tmp_path, card)
    for whole in (False, True):
        assert judged(again, [-0.5, -0.1], whole=whole) == judged(learned, [-0.5, -0.1], whole=whole)
    assert load_acceptance(tmp_path, {"tiers": list(TIERS)}) is None
    with pytest.raises(ArtifactError, match=r"mean: not \(3, 2, 8\)"):
        load_acceptance(tmp_path, card | {"tiers": ["a", "b", "c"]})
    (tmp_path / FILE).write_bytes((tmp_path / FILE).read_bytes()[:-20])
    with pytest.raises(ArtifactError, match="train the artifact again"):
        load_acceptance(tmp_path, card)


def test_too_few_drafts_teach_nothing():
    """The rule without learning is better than a guess."""
    assert fit_acceptance(made(4, rows=150)) is None


def test_training_learns_to_judge_where_the_table_has_log_probabilities(tmp_path, rows_of, jsonl):
    """The artifact of such a table judges drafts; of another it does not."""
    rows = rows_of(6, 240)
    for row in rows:
        row["logprobs.small"] = [-0.01, -0.02 if row["correct.small"] else -2.5, -0.01]
    train(jsonl(tmp_path / "d.jsonl", rows), tmp_path / "with", seed=0)
    acceptance = load(tmp_path / "with").acceptance
    sure, doubtful = judged(acceptance, [-0.01, -0.02, -0.01]), judged(acceptance, [-0.01, -2.5, -0.01])
    assert sure.right > 0.8 > 0.4 > doubtful.right
    assert acceptance.typical_tokens > 1


def test_an_artifact_without_drafts_does_not_judge(easy):
    assert load(easy[0]).acceptance is None
    assert "acceptance_sha256" not in json.loads((easy[0] / "card.json").read_text())


def test_a_cell_that_is_no_list_of_numbers_is_named(tmp_path, jsonl):
    """The error says which row and column."""
    data = jsonl(tmp_path / "d.jsonl", [{"prompt": "a", "logprobs.small": [-0.1]}, {"logprobs.small": ["x"]}])
    with pytest.raises(DataError, match=r"row 2: logprobs.small: found \['x'\]"):
        read_logprobs(data, TIERS)
