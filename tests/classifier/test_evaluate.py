"""Evaluating, scoring and calibrating an artifact."""

import json

import pytest

from classifier.artifact import load
from classifier.calibrate import calibrate
from classifier.data import read_rows
from classifier.errors import DataError
from classifier.evaluate import evaluate
from classifier.score import score
from classifier.train import train
from classifier.types import Question


@pytest.fixture(scope="module")
def evaluation(easy):
    return evaluate(*easy, resamples=50)


def test_router_stands_between_chance_and_oracle(evaluation):
    """On easy data the router beats mixing blindly, and the oracle beats the router."""
    assert evaluation.aiq_random.high < evaluation.aiq.low
    assert evaluation.aiq.value <= evaluation.aiq_oracle.value
    pair = evaluation.pairs[0]
    assert 0.6 < pair.apgr.low <= pair.apgr.value <= pair.apgr.high
    assert pair.apgr.value <= pair.oracle_apgr
    assert pair.cpt50.value < 0.4
    assert pair.cpt50.value <= pair.cpt80.value


def test_evaluation_reports_what_routers_are_compared_with(evaluation):
    """Each tier alone, the best of them, the curve from all cheap to all best, and length coverage."""
    assert [tier.name for tier in evaluation.tiers] == ["small", "large"]
    assert evaluation.best_single == "large"
    assert all(tier.calibration_error < 0.15 for tier in evaluation.tiers)
    assert evaluation.curve[0].mix == {"small": 1.0, "large": 0.0}
    assert evaluation.curve[0].quality == evaluation.tiers[0].quality
    costs = [point.cost for point in evaluation.curve]
    assert costs == sorted(costs)
    assert evaluation.lengths.p90 == pytest.approx(0.9, abs=0.08)
    assert json.loads(json.dumps(evaluation.to_json()))["rows"] == 160


def test_evaluation_is_the_same_again(easy, evaluation):
    """The bootstrap has a seed."""
    assert evaluate(*easy, resamples=50) == evaluation


def test_costs_set_the_scale_of_the_curve(easy):
    """Costs given are used as they are; a tier without one is an error."""
    priced = evaluate(*easy, costs={"small": 1.0, "large": 8.0}, resamples=2)
    assert priced.curve[0].cost == 1.0
    with pytest.raises(DataError, match="costs: none for tier large"):
        evaluate(*easy, costs={"small": 1.0})


def test_nothing_is_learned_from_shuffled_labels(tmp_path, rows_of, jsonl):
    """Trained on labels dealt out at random, the router does as well as chance: nothing leaks into the figures."""
    train(jsonl(tmp_path / "d.jsonl", rows_of(3, 160, shuffled=True)), tmp_path / "out", seed=0)
    found = evaluate(tmp_path / "out", jsonl(tmp_path / "e.jsonl", rows_of(9, 800, shuffled=True)), resamples=2)
    assert found.pairs[0].apgr.value == pytest.approx(0.5, abs=0.05)


def test_tables_of_other_tiers_are_refused(easy, tmp_path, jsonl):
    """An artifact cannot be judged on tiers that it does not rate."""
    rows = [{"prompt": "x", "correct.a": 1, "correct.small": 0}]
    with pytest.raises(DataError, match="this artifact rates small, large"):
        evaluate(easy[0], jsonl(tmp_path / "d.jsonl", rows))


@pytest.mark.parametrize("suffix", [".parquet", ".csv", ".jsonl"])
def test_score_adds_its_columns_to_the_table(easy, tmp_path, suffix):
    """Every row and column is kept, and the predictions are those that serving makes."""
    out = tmp_path / f"scored{suffix}"
    assert score(*easy, out) == 160
    rows, before = read_rows(out), read_rows(easy[1])
    added = ["quality.small", "quality.large", "gain.small.large", "output_tokens.p50", "output_tokens.p90"]
    assert list(rows[0]) == [*before[0], *added]
    assert [row["prompt"] for row in rows] == [row["prompt"] for row in before]
    said = load(easy[0]).assess(Question(before[5]["prompt"]))
    assert float(rows[5]["quality.small"]) == said.quality["small"]
    assert float(rows[5]["output_tokens.p90"]) == said.output_p90


def test_score_needs_no_labels(easy, tmp_path, jsonl):
    """Prompts alone can be scored; an unknown suffix is refused before any work."""
    data = jsonl(tmp_path / "d.jsonl", [{"prompt": "What is known about maps?"}])
    assert score(easy[0], data, tmp_path / "o.csv") == 1
    with pytest.raises(DataError, match=r"o\.xls: found '\.xls', allowed"):
        score(easy[0], data, tmp_path / "o.xls")


@pytest.mark.parametrize("target", [{"spend": 0.6}, {"escalation": 0.7}, {"quality": 0.9}])
def test_calibration_meets_its_target(easy, target):
    """The setting chosen keeps the promise on the rows, and no other that does is better."""
    found = calibrate(*easy, **target)
    (name, limit), chosen = next(iter(target.items())), found.chosen
    if name == "quality":
        assert chosen.quality_low >= limit
        assert all(other.spend >= chosen.spend for other in found.settings if other.quality_low >= limit)
    else:
        assert getattr(chosen, name) <= limit
        assert all(other.quality <= chosen.quality for other in found.settings if getattr(other, name) <= limit)
    assert chosen in found.settings
    assert 0.0 < chosen.escalation < 1.0


@pytest.mark.parametrize("target", [{}, {"spend": 0.5, "quality": 0.9}, {"spend": 2.0}])
def test_calibration_needs_one_target(easy, target):
    """None, two, or one that is no share is refused."""
    with pytest.raises(DataError, match="give one of spend, quality and escalation"):
        calibrate(*easy, **target)


def test_calibration_says_when_a_target_cannot_be_met(easy):
    """No setting spends nothing where even the cheapest tier costs."""
    with pytest.raises(DataError, match=r"no setting of route\.quality meets spend 0\.1"):
        calibrate(*easy, spend=0.1, costs={"small": 1.0, "large": 2.0})
