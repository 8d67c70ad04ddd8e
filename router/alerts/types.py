"""The values of alerts: what was measured, and what is told of it."""

from dataclasses import dataclass
from typing import Literal

Severity = Literal["warning", "critical"]
Phase = Literal["pending", "firing", "resolved"]


@dataclass(frozen=True, slots=True)
class Reading:
    """One rule's look at one subject, over its threshold or not.

    unit: of value and threshold, as `router.dashboard.figures` names them. step: rises when the same alert gets worse
    and should be told again. team: whose business it is, None where it is the whole fleet's. advice: what to do.
    """

    rule: str
    subject: str
    value: float
    threshold: float
    unit: str
    told: str
    advice: str
    severity: Severity = "warning"
    team: str | None = None
    step: int = 0

    @property
    def id(self) -> str:
        return f"{self.rule}:{self.subject}"

    @property
    def over(self) -> bool:
        return self.value > self.threshold


@dataclass(frozen=True, slots=True)
class Alert:
    """since: when it became what it is; began: when it was first over. Unix seconds. seen: last time over."""

    reading: Reading
    phase: Phase
    since: float
    began: float
    seen: float

    @property
    def id(self) -> str:
        return self.reading.id
