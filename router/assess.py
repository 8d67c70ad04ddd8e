"""Assess: ask the classifier."""

import time
from collections.abc import Mapping
from typing import Any

from classifier.types import Assessment, Question
from policies.facts import prompt_text
from policies.types import Facts, Predicted
from router.observe.events import AssessmentMissed
from router.request import Request
from router.services import Services
from router.snapshot import Snapshot


def assess(services: Services, request: Request) -> Predicted | None:
    """What the classifier predicts; None where the policy does not ask it, or it was late or failed (counted).

    Asked on the event loop: it reads a bounded part of the prompt in a tenth of the time that a thread takes to wake.
    """
    if not wanted(request):
        return None
    began = time.monotonic()
    try:
        found = predict(request)
    except Exception as error:  # noqa: BLE001 - a router without a classifier still routes, and says so
        services.log_defect(request.id, error)
        services.bus.emit(AssessmentMissed("failed"))
        return None
    if time.monotonic() - began > request.snapshot.config.classifier.deadline_ms / 1000:
        services.bus.emit(AssessmentMissed("late"))
        return None
    return found


def wanted(request: Request) -> bool:
    """A pinned tier and a rule that matches decide without any model."""
    if request.path == "/v1/embeddings":
        return False
    return request.snapshot.policies[request.policy].consults_classifier(request.facts, request.pinned)


def predict(request: Request) -> Predicted | None:
    """The same for commands, where a failure is told."""
    if not wanted(request):
        return None
    return predicted(request.snapshot, request.snapshot.classifier.assess(question(request.body, request.facts)))


def question(body: Mapping[str, Any], facts: Facts) -> Question:
    """What the classifier is asked about a request."""
    return Question(
        text=prompt_text(body),
        turns=facts.turns,
        prompt_tokens=facts.prompt_tokens,
        has_code=facts.has_code,
        has_tools=facts.has_tools,
        wants_json=facts.wants_json,
        max_tokens=facts.max_tokens,
    )


def predicted(snapshot: Snapshot, assessment: Assessment) -> Predicted:
    """The assessment under the tiers' own names; a tier that the artifact does not know has no predicted quality."""
    quality = {
        tier: assessment.quality[rated] for tier, rated in snapshot.rated_as.items() if rated in assessment.quality
    }
    learned = snapshot.classifier.acceptance
    typical_tokens = None if learned is None else learned.typical_tokens
    return Predicted(quality, assessment.output_p50, assessment.output_p90, assessment.version, typical_tokens)
