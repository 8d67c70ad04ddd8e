"""Assess: ask the classifier, within a deadline and away from the event loop."""

import asyncio
from collections.abc import Mapping
from typing import Any

from classifier.types import Assessment, Question
from policies.facts import prompt_text
from policies.types import Facts, Predicted
from router.observe.events import AssessmentMissed
from router.request import Request
from router.services import Services
from router.snapshot import Snapshot


async def assess(services: Services, request: Request) -> Predicted | None:
    """What the classifier predicts; None where the policy does not ask it, or it was late or failed (counted)."""
    if not wanted(request):
        return None
    snapshot = request.snapshot
    deadline_s = snapshot.config.classifier.deadline_ms / 1000
    work = asyncio.get_running_loop().run_in_executor(
        services.classifier_thread, snapshot.classifier.assess, question(request.body, request.facts)
    )
    try:
        assessment = await asyncio.wait_for(work, deadline_s)
    except TimeoutError:
        services.bus.emit(AssessmentMissed("late"))
        return None
    except Exception as error:  # noqa: BLE001 - a router without a classifier still routes, and says so
        services.log_defect(request.id, error)
        services.bus.emit(AssessmentMissed("failed"))
        return None
    return predicted(snapshot, assessment)


def wanted(request: Request) -> bool:
    """A pinned tier and a rule that matches decide without any model."""
    if request.path == "/v1/embeddings":
        return False
    return request.snapshot.policies[request.policy].consults_classifier(request.facts, request.pinned)


def predict(request: Request) -> Predicted | None:
    """The same as `assess`, at once and without a deadline: for commands."""
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
    return Predicted(quality, assessment.output_p50, assessment.output_p90, assessment.version)
