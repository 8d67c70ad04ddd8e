"""The ladder: the slow classifier is asked where it can change the decision, and only there."""

from dataclasses import dataclass

import pytest

from classifier.errors import ArtifactError
from classifier.ladder import Ladder, unsure
from classifier.types import Assessment, Question


@dataclass
class Told:
    """Says the same quality of every request, and counts how often it is asked."""

    quality: dict
    asked: int = 0

    @property
    def tiers(self):
        return tuple(self.quality)

    def assess(self, _question):
        self.asked += 1
        return Assessment(self.quality, {}, 10.0, 20.0, "told")


@pytest.mark.parametrize(
    ("edge", "share", "slow_is_asked"), [(0.72, 0.9, True), (0.5, 0.9, False), (0.79, 0.9, False), (0.5, 0.62, True)]
)
def test_the_slow_one_is_asked_near_the_threshold(edge, share, slow_is_asked):
    """The threshold is the policy's share of the best quality, 0.8 here."""
    quick, slow = Told({"edge": edge, "long": 0.8}), Told({"edge": 0.1, "long": 0.9})
    found = Ladder(quick, slow, margin=0.02).assess(Question("hi"), share)
    assert slow.asked == slow_is_asked
    assert found.quality == (slow if slow_is_asked else quick).quality


def test_the_best_tier_alone_is_never_unsure():
    """Where every tier is as good as the best there is nothing to decide."""
    assert not unsure(Assessment({"a": 0.7, "b": 0.7}, {}, 1.0, 1.0, "v"), share=1.0, margin=0.1)


def test_different_tiers_are_refused():
    """Two artifacts that rate different tiers make no ladder."""
    with pytest.raises(ArtifactError, match="found tiers a, c in one artifact, a, b in the other"):
        Ladder(Told({"a": 1.0, "b": 1.0}), Told({"a": 1.0, "c": 1.0}), margin=0.1)
