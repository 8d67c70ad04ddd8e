"""Training."""

import json

import pytest

from classifier.artifact import load
from classifier.errors import DataError
from classifier.train import train
from classifier.types import Question

PROMPT = "Calculate 512 + 77 and prove it."


def test_training_again_gives_the_same_bytes(easy, tmp_path):
    """Same table and seed, same artifact; the hash in the card vouches for it."""
    artifact, _ = easy
    train(artifact.parent / "train.jsonl", tmp_path / "again", seed=0)
    assert (tmp_path / "again" / "model.npz").read_bytes() == (artifact / "model.npz").read_bytes()
    cards = [json.loads((folder / "card.json").read_text()) for folder in (artifact, tmp_path / "again")]
    assert cards[0] == cards[1]


def test_what_can_be_learned_is_learned(easy):
    """The cheap tier is rated high on the easy kind, low on the hard kind, and lengths follow."""
    classifier = load(easy[0])
    simple = classifier.assess(Question("What is known about glass? (12345)"))
    hard = classifier.assess(Question("Calculate 432 + 439 and prove it. (12345)"))
    assert simple.quality["small"] > 0.75 > 0.25 > hard.quality["small"]
    assert hard.gain["small", "large"] > 0.6 > 0.3 > simple.gain["small", "large"]
    assert simple.output_p90 < 30 < 100 < hard.output_p50


def test_card_tells_what_was_learned_from(easy):
    """Tiers, hash and rows of the data, seed, library versions and cross-fitted figures."""
    card = json.loads((easy[0] / "card.json").read_text())
    assert card["tiers"] == ["small", "large"]
    assert card["rows"] == 160
    assert card["answers"] == 320
    assert len(card["outcomes"]["sha256"]) == 64
    assert {"numpy", "scikit-learn", "tokenizers"} <= set(card["libraries"])
    assert card["metrics"]["apgr.small.large"] > 0.65
    assert card["metrics"]["calibration_error.small"] < 0.1
    assert card["metrics"]["coverage.p90"] == pytest.approx(0.9, abs=0.03)
    assert str(easy[0].parent) not in json.dumps(card)


def test_lengths_can_come_from_a_file_of_their_own(tmp_path, rows_of, jsonl):
    """A second file of answer lengths takes the place of the table's."""
    lengths = [{"prompt": f"Question {n} of many", "output_tokens": 40} for n in range(60)]
    data = jsonl(tmp_path / "d.jsonl", rows_of(5, 80))
    card = train(data, tmp_path / "out", seed=0, lengths=[jsonl(tmp_path / "l.jsonl", lengths)])
    assert card.answers == 60
    assert load(tmp_path / "out").assess(Question("Question 7 of many")).output_p50 == pytest.approx(40, rel=0.05)


def test_progress_goes_from_nothing_to_all(easy, told):
    """Progress is told in growing shares, from 0 to 1, each with what is being done."""
    shares = [done for _, done in told]
    assert shares == sorted(shares)
    assert (shares[0], shares[-1]) == (0.0, 1.0)
    assert all(step for step, _ in told)


@pytest.mark.parametrize("repeats", [1, 10])
def test_too_few_prompts_are_refused(tmp_path, rows_of, jsonl, repeats):
    """A handful of prompts teaches nothing, however often repeated; saying so is better than an artifact."""
    with pytest.raises(DataError, match="found 10 different prompts, needs 50 or more"):
        train(jsonl(tmp_path / "d.jsonl", rows_of(8, 10) * repeats), tmp_path / "out", seed=0)
    assert not (tmp_path / "out").exists()


def test_without_lengths_the_bundled_ones_are_kept(tmp_path, rows_of, jsonl):
    """A table with too few answer lengths predicts length just as the bundled artifact does, and its card says so."""
    rows = rows_of(9, 60)
    few = [row if place < 5 else {k: v for k, v in row.items() if "tokens" not in k} for place, row in enumerate(rows)]
    data = jsonl(tmp_path / "d.jsonl", few)
    card = train(data, tmp_path / "out", seed=0)
    assert (card.answers, "coverage.p90" in card.metrics) == (0, False)
    kept, bundled = load(tmp_path / "out").assess(Question(PROMPT)), load("bundled").assess(Question(PROMPT))
    assert kept.output_p90 == bundled.output_p90
    with pytest.raises(DataError, match="found 5 different prompts, needs 50 to learn length from"):
        train(data, tmp_path / "other", seed=0, lengths=[jsonl(tmp_path / "l.jsonl", few)])


def test_tiers_without_a_failure_are_not_certain(tmp_path, rows_of, jsonl):
    """Where every answer was good there is no gap to report, and quality is high but short of certain."""
    rows = [row | {"correct.small": 1, "correct.large": 1} for row in rows_of(10, 60)]
    card = train(jsonl(tmp_path / "d.jsonl", rows), tmp_path / "out", seed=0)
    assert "apgr.small.large" not in card.metrics
    assert all(0.9 < chance < 1.0 for chance in load(tmp_path / "out").assess(Question(PROMPT)).quality.values())
