"""The ladder: a quick classifier decides, and a slower one where the quick one is near the threshold."""

from dataclasses import dataclass

from classifier.artifact import Classifier
from classifier.errors import ArtifactError
from classifier.types import Assessment, Question


@dataclass(frozen=True, slots=True)
class Ladder:
    """Two classifiers of the same tiers; safe to share between threads.

    margin: how near, in predicted quality, a tier may be to the threshold before the slower one is asked.
    """

    quick: Classifier
    slow: Classifier
    margin: float

    def __post_init__(self) -> None:
        """Raises ArtifactError where the two rate different tiers."""
        if self.quick.tiers != self.slow.tiers:
            found = ", ".join(self.slow.tiers)
            raise ArtifactError(
                f"ladder: found tiers {found} in one artifact, {', '.join(self.quick.tiers)} in the other"
            )

    def assess(self, question: Question, share: float) -> Assessment:
        """What is to be expected of a request; share: of the best tier's quality that the policy asks for."""
        first = self.quick.assess(question)
        return self.slow.assess(question) if unsure(first, share, self.margin) else first


def unsure(assessment: Assessment, share: float, margin: float) -> bool:
    """Whether a small error in a predicted quality would change which tiers are good enough."""
    best = max(assessment.quality.values())
    return any(abs(quality - share * best) < margin for quality in assessment.quality.values() if quality < best)
