"""The trial of a policy on recorded answers."""

import json

import pytest

from classifier.errors import DataError
from policies.decide import compile_policy
from router.cli.explain import unopened
from router.trial import bounded_accept, read_recorded, try_out

TIERS = ("edge", "short", "long")


def rows(count: int, *, sure: float) -> list[dict]:
    """Questions that only `long` answers right, drafted as surely as told."""
    return [
        {"prompt": f"What is {n + 214} + {2 * n + 387}?", "correct.edge": 0, "correct.short": 0, "correct.long": 1}
        | {f"output_tokens.{tier}": 12 for tier in TIERS}
        | {f"logprobs.{tier}": [sure] * 12 for tier in TIERS}
        for n in range(count)
    ]


@pytest.fixture(scope="module")
def snapshot():
    return unopened(None)


def recorded(tmp_path, snapshot, found: list[dict]):
    path = tmp_path / "outcomes.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in found))
    return read_recorded(path, snapshot)


def tried(snapshot, found, accept: float):
    policy = snapshot.config.policies["default"]
    changed = policy.model_copy(update={"cascade": policy.cascade.model_copy(update={"accept": accept})})
    return try_out(found, snapshot, compile_policy(changed))


def test_every_attempt_is_counted(tmp_path, snapshot):
    """Doubtful drafts are thrown away: the last tier's marks, at its cost and the drafts' together."""
    found = recorded(tmp_path, snapshot, rows(20, sure=-4.0))
    strict, lax = tried(snapshot, found, 1.0), tried(snapshot, found, 0.0)
    rates = snapshot.rates["long"]
    alone = sum(rates.input * each.facts.prompt_tokens + rates.output * 12 for each in found)
    assert strict.correct.mean() == 1.0
    assert alone <= strict.cost_nusd.sum() < 1.5 * alone
    assert lax.cost_nusd.sum() <= strict.cost_nusd.sum()


def test_the_bound_is_kept_on_the_rows(tmp_path, snapshot):
    """The setting chosen loses no more than allowed; too few rows show nothing."""
    found = recorded(tmp_path, snapshot, rows(150, sure=-4.0))
    chosen = bounded_accept(found, snapshot, snapshot.config.policies["default"], 0.05)
    assert chosen.lost <= 0.05
    assert 0.95 <= chosen.kept <= 1.0
    with pytest.raises(DataError, match=r"no accept can be shown to lose at most 0\.05 on 10 rows"):
        bounded_accept(found[:10], snapshot, snapshot.config.policies["default"], 0.05)


def test_a_row_that_lacks_a_tier_is_named(tmp_path, snapshot):
    found = rows(3, sure=-0.1)
    del found[1]["correct.short"]
    with pytest.raises(DataError, match=r"row 2: correct\.short"):
        recorded(tmp_path, snapshot, found)
