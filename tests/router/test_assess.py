"""A classifier that is late or broken costs a request its prediction, never its answer."""

import pytest

from router.observe.events import AssessmentMissed
from tests.router.gateway import THREE_TIERS, chat, gateway

AT_ONCE = THREE_TIERS.replace("deadline_ms: 5000", "deadline_ms: 0.001")


class _Broken:
    """A classifier with a defect."""

    tiers = ("edge", "short", "long")

    def assess(self, question):
        raise ValueError(question.turns)


async def test_a_late_classifier_is_not_waited_for(tmp_path):
    """The policy's safe tier answers, and the miss is counted."""
    async with gateway(tmp_path, config=AT_ONCE) as running:
        reply = await running.post(chat())
        assert (reply.status, reply.headers["x-tiergate-decision"]) == (200, "safe")
        assert reply.headers["x-tiergate-tier"] == "long"
        assert [event.reason for event in running.events if isinstance(event, AssessmentMissed)] == ["late"]
        assert b'tiergate_classifier_missed_total{reason="late"} 1.0' in (await running.get("/metrics")).body


@pytest.mark.parametrize("stream", [False, True])
async def test_a_broken_classifier_is_logged_and_passed_by(tmp_path, stream, caplog):
    """The same; the defect stands in the log under the request's id."""
    async with gateway(tmp_path) as running:
        snapshot = running.services.snapshot
        object.__setattr__(snapshot, "classifier", _Broken())
        reply = await running.post(chat(stream=stream))
        assert (reply.status, reply.headers["x-tiergate-decision"]) == (200, "safe")
        assert [event.reason for event in running.events if isinstance(event, AssessmentMissed)] == ["failed"]
        assert reply.headers["x-request-id"] in caplog.text
