"""The bundled artifacts, as the router uses them."""

import pytest

from classifier.artifact import load
from classifier.types import Question


@pytest.mark.parametrize("name", ["bundled", "bundled:toy"])
def test_bundled_artifacts_assess_their_three_tiers(name):
    """Both bundled artifacts load and answer for edge, short and long."""
    assessment = load(name).assess(Question("What is the capital of France?"))
    assert list(assessment.quality) == ["edge", "short", "long"]
    assert set(assessment.gain) == {("edge", "short"), ("edge", "long"), ("short", "long")}
    assert 1 <= assessment.output_p50 <= assessment.output_p90
