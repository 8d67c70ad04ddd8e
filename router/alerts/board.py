"""The board: which alerts are pending, firing or resolved, and which changes are worth telling."""

from collections.abc import Iterable
from dataclasses import replace

from router.alerts.types import Alert, Reading

FIRES_AFTER_S = 60.0
CLEARS_AFTER_S = 120.0
_CLEARS_BELOW = 0.9  # of the threshold: what hovers at it neither fires nor clears again and again
_KEPT_S = 7 * 86_400.0
_MOST_RESOLVED = 200
AT_ONCE = frozenset({"budget", "ledger-lag", "stale-config", "unknown-price", "runaway-loop"})


class Board:
    """One alert for each rule and subject. Rules in `AT_ONCE` fire at the first look; the others after a minute."""

    def __init__(self, alerts: Iterable[Alert] = ()) -> None:
        self._alerts = {alert.id: alert for alert in alerts}

    @property
    def alerts(self) -> list[Alert]:
        """Firing first, then pending, then resolved; the newest of each first."""
        order = {"firing": 0, "pending": 1, "resolved": 2}
        return sorted(self._alerts.values(), key=lambda alert: (order[alert.phase], -alert.since, alert.id))

    def look(self, readings: Iterable[Reading], now: float) -> list[Alert]:
        """Take up what was measured; the alerts that fired, got worse or resolved by it."""
        found = {reading.id: reading for reading in readings}
        told = []
        for reading in found.values():
            told += self._measured(reading, now)
        for alert in [alert for alert in self._alerts.values() if alert.id not in found]:
            told += self._quiet(alert, alert.reading, now)
        self._forget(now)
        return told

    def _measured(self, reading: Reading, now: float) -> list[Alert]:
        known = self._alerts.get(reading.id)
        if known is None or known.phase == "resolved":
            if not reading.over:
                return []
            return self._keep(self._fired(Alert(reading, "pending", now, now, now), now))
        if reading.over or (known.phase == "firing" and reading.value > reading.threshold * _CLEARS_BELOW):
            worse = known.phase == "firing" and reading.step > known.reading.step
            kept = reading if reading.over else replace(reading, step=known.reading.step)
            after = self._fired(replace(known, reading=kept, seen=now), now)
            told = self._keep(after)
            return told if after.phase != known.phase or worse else []
        return self._quiet(known, reading, now)

    def _fired(self, alert: Alert, now: float) -> Alert:
        waits = 0.0 if alert.reading.rule in AT_ONCE else FIRES_AFTER_S
        if alert.phase == "pending" and now - alert.began >= waits:
            return replace(alert, phase="firing", since=now)
        return alert

    def _quiet(self, alert: Alert, reading: Reading, now: float) -> list[Alert]:
        if alert.phase == "resolved":
            return []
        if alert.phase == "pending":
            del self._alerts[alert.id]
            return []
        if now - alert.seen < CLEARS_AFTER_S:
            return []
        resolved = replace(alert, reading=replace(alert.reading, value=reading.value), phase="resolved", since=now)
        return self._keep(resolved)

    def _keep(self, alert: Alert) -> list[Alert]:
        self._alerts[alert.id] = alert
        return [] if alert.phase == "pending" else [alert]

    def _forget(self, now: float) -> None:
        resolved = [alert for alert in self.alerts if alert.phase == "resolved"]
        for place, alert in enumerate(resolved):
            if place >= _MOST_RESOLVED or now - alert.since > _KEPT_S:
                del self._alerts[alert.id]
