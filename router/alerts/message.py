"""An alert in words: as JSON for a program, as text for a chat, as a mail."""

import hashlib
import hmac
from datetime import UTC, datetime
from email.message import EmailMessage
from typing import Any

import orjson

from policies.schema_alerts import Email
from router.alerts.types import Alert

_MARK = {"firing": "FIRING", "resolved": "RESOLVED", "pending": "PENDING"}


def plain(alert: Alert) -> dict[str, Any]:
    """For the webhook and the JSON API."""
    reading = alert.reading
    return {
        "id": alert.id, "rule": reading.rule, "subject": reading.subject, "state": alert.phase,
        "severity": reading.severity, "value": reading.value, "threshold": reading.threshold, "unit": reading.unit,
        "team": reading.team, "message": reading.told, "advice": reading.advice, "since": moment(alert.since),
        "began": moment(alert.began),
    }  # fmt: skip


def body(alert: Alert) -> bytes:
    return orjson.dumps({"version": 1, "alert": plain(alert)})


def signed(secret: str, timestamp: int, sent: bytes) -> str:
    """HMAC-SHA256 over `timestamp.body`, so that neither can be changed nor sent again much later."""
    return "sha256=" + hmac.digest(secret.encode(), f"{timestamp}.".encode() + sent, hashlib.sha256).hex()


def slack(alert: Alert) -> bytes:
    return orjson.dumps(
        {"text": f"*{headline(alert)}*\n{_escaped(alert.reading.told)}\n_{_escaped(alert.reading.advice)}_"}
    )


def mail(alert: Alert, to: Email) -> EmailMessage:
    message = EmailMessage()
    message["Subject"] = f"[Tiergate] {headline(alert)}"
    message["From"], message["To"] = to.sender, ", ".join(to.to)
    reading = alert.reading
    message.set_content(
        f"{reading.told}\n\nWhat to do: {reading.advice}\n\n"
        f"Rule: {reading.rule}\nSubject: {reading.subject}\nSince: {moment(alert.since)}\n"
    )
    return message


def headline(alert: Alert) -> str:
    """One line without control characters: names in it come from callers."""
    text = f"{_MARK[alert.phase]} {alert.reading.severity}: {alert.reading.rule} ({alert.reading.subject})"
    return "".join(c for c in text if c.isprintable())[:200]


def moment(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
