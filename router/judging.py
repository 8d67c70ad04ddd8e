"""The judge: whether a draft is kept, by what the classifier has learned of drafts, else by its confidence alone."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from classifier.acceptance import Acceptance, Chances
from classifier.confidence import confidence
from policies.types import Cascade, Predicted
from router.snapshot import Snapshot


@dataclass(frozen=True, slots=True)
class Verdict:
    """sure: how likely the draft is right as far as is known, in [0, 1]; None where it has no token probabilities."""

    kept: bool
    sure: float | None


@dataclass(frozen=True, slots=True)
class Judge:
    """Of one tier's draft of one request. rated_as: the classifier's names of the draft's tier and of its rival."""

    tier: str
    cascade: Cascade
    predicted: Predicted | None
    acceptance: Acceptance | None
    rated_as: tuple[str, str]

    def verdict(self, logprobs: Sequence[float], *, whole: bool, at_once: bool) -> Verdict:
        """logprobs: of the tokens so far. whole: the draft has ended. at_once: no more of it will be judged."""
        chances = self._chances(logprobs, whole=whole)
        if chances is None:
            sure = confidence(logprobs)
            return Verdict(self._own().accepts(sure), sure)
        return Verdict(self.cascade.keeps(chances.gain, at_once=at_once), chances.right)

    def _chances(self, logprobs: Sequence[float], *, whole: bool) -> Chances | None:
        """None where the classifier has not learned of such drafts, or does not rate the tiers."""
        if self.acceptance is None or self.predicted is None:
            return None
        quality = self.predicted.quality
        if self.tier not in quality or self.cascade.rival not in quality:
            return None
        return self.acceptance.judge(
            *self.rated_as,
            logprobs,
            whole=whole,
            draft_quality=quality[self.tier],
            rival_quality=quality[self.cascade.rival],
            output_p50=self.predicted.output_p50,
        )

    def _own(self) -> Cascade:
        """The cascade with this tier's predicted quality, whichever of the drafts it is."""
        return replace(self.cascade, prior=self.predicted.quality.get(self.tier)) if self.predicted else self.cascade


def judge_of(snapshot: Snapshot, cascade: Cascade, predicted: Predicted | None, tier: str) -> Judge:
    """Who judges the draft of `tier`."""
    rated_as = snapshot.rated_as.get(tier, tier), snapshot.rated_as.get(cascade.rival, cascade.rival)
    return Judge(tier, cascade, predicted, snapshot.classifier.acceptance, rated_as)
