"""The judge: by what was learned of drafts, else by the tokens and the prediction."""

import numpy as np
import pytest

from classifier.acceptance import EVIDENCE, KNOTS, WIDTH, assembled
from policies.types import Cascade, Predicted
from router.judging import Judge

SURE, DOUBTFUL = [-0.01, -0.01], [-0.01, -3.0]
PREDICTED = Predicted({"edge": 0.5, "long": 0.9}, 20.0, 40.0, typical_tokens=20.0)


def surprise_alone():
    """An acceptance that goes by the least sure token: the doubtful draft is wrong, and long right there."""
    weights = np.zeros((1, 2, 2, WIDTH))
    weights[..., 1] = 1.0  # the first piece of evidence
    curves = np.tile(np.linspace(-4.0, 4.0, KNOTS), (1, 2, 2, 1))
    chances = np.tile(np.stack((np.linspace(1.0, 0.0, KNOTS), np.linspace(0.0, 1.0, KNOTS))), (1, 2, 1, 1))
    ones = np.ones((1, 2, EVIDENCE))
    return assembled(
        ("cheap", "dear"),
        {"mean": 0 * ones, "per_deviation": ones, "weights": weights, "scores": curves, "chances": chances,
         "typical_tokens": np.array(20.0)},
    )  # fmt: skip


def judge(acceptance=None, predicted=PREDICTED, rival="long", accept=0.7) -> Judge:
    cascade = Cascade(accept, 8, prior=0.5, against=0.9, drafts=("edge",), rival=rival)
    return Judge("edge", cascade, predicted, acceptance, ("cheap", "dear"))


@pytest.mark.parametrize("whole", [True, False])
def test_what_was_learned_decides(whole: bool):
    """The artifact's own names are used; what is said of the draft is the chance that it is right."""
    learned = judge(surprise_alone())
    sure, doubtful = (learned.verdict(one, whole=whole, at_once=True) for one in (SURE, DOUBTFUL))
    assert (sure.kept, doubtful.kept) == (True, False)
    assert sure.sure is not None
    assert doubtful.sure is not None
    assert sure.sure > 0.9 > 0.5 > doubtful.sure


@pytest.mark.parametrize(
    "blind",
    [
        judge(),
        judge(surprise_alone(), Predicted({"long": 0.9}, 20.0, 40.0)),
        judge(surprise_alone(), rival=""),
        judge(surprise_alone(), None),
    ],
)
def test_without_learning_the_tokens_and_the_prediction_decide(blind: Judge):
    """No acceptance in the artifact, a tier that it does not rate, or no prediction: the rule of thumb."""
    sure, doubtful = (blind.verdict(one, whole=True, at_once=True) for one in (SURE, DOUBTFUL))
    assert (sure.kept, doubtful.kept) == (True, False)
    assert sure.sure == pytest.approx(0.99, abs=0.01)


def test_a_draft_without_probabilities_is_never_kept():
    assert not judge(surprise_alone()).verdict([], whole=True, at_once=True).kept
