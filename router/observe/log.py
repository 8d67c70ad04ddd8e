"""The access log: one JSON line a request on standard error, written in batches off the request's path."""

import sys
import threading
from collections.abc import Callable

import orjson

from router.ledger.types import RequestRow
from router.observe.events import AssessmentMissed, Event, KeyRefused, LimitReached, Reloaded, RequestEnded

_FLUSH_S = 0.2


class AccessLog:
    """Lines are gathered by the listener and written by a thread, so that a slow terminal holds nobody up.

    No prompt, no answer, no secret ever stands in a line. write: where lines go; bounded to `most` unwritten lines,
    older ones are dropped and counted.
    """

    def __init__(self, write: Callable[[bytes], object] | None = None, *, most: int = 100_000) -> None:
        self._write = write or _to_stderr
        self._most = most
        self._lines: list[bytes] = []
        self._dropped = 0
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="access-log", daemon=True)

    def open(self) -> None:
        self._thread.start()

    def close(self) -> None:
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join()

    def __call__(self, event: Event) -> None:
        match event:
            case RequestEnded(row=row):
                self._add(_request(row))
            case AssessmentMissed(reason):
                self._add({"event": "classifier_missed", "reason": reason})
            case KeyRefused(why, key_id):
                self._add({"event": "key_refused", "why": why, "key": key_id})
            case LimitReached(what, scope, action) if action != "reject":  # a rejection is in its request's line
                self._add({"event": "limit_reached", "what": what, "scope": scope, "action": action})
            case Reloaded(ok, generation, message):
                self._add({"event": "reload", "ok": ok, "generation": generation, "message": message})
            case _:
                pass

    def say(self, event: str, **facts: object) -> None:
        """One line about the gateway itself."""
        self._add({"event": event, **facts})

    def _add(self, line: dict[str, object]) -> None:
        if len(self._lines) >= self._most:
            self._dropped += 1
            return
        self._lines.append(orjson.dumps(line, default=str) + b"\n")

    def _run(self) -> None:
        while not self._stop.wait(_FLUSH_S):
            self._flush()
        self._flush()

    def _flush(self) -> None:
        lines, self._lines = self._lines, []
        if self._dropped:
            lines.append(orjson.dumps({"event": "log_lines_dropped", "count": self._dropped}) + b"\n")
            self._dropped = 0
        if lines:
            self._write(b"".join(lines))


def _request(row: RequestRow) -> dict[str, object]:
    return {
        "event": "request", "id": row.request_id, "path": row.path, "status": row.status, "asked": row.client_model,
        "tier": row.tier, "model": row.model, "decision": row.decision, "cache": row.cache, "attempts": row.attempts,
        "stream": row.stream, "input_tokens": row.input_tokens + row.cached_input_tokens,
        "output_tokens": row.output_tokens, "cost_nusd": row.cost_nusd,
        "ms": round((row.ended_ns - row.started_ns) / 1e6, 3),
        "overhead_ms": None if row.overhead_ns is None else round(row.overhead_ns / 1e6, 3),
        "team": row.team, "key": row.key_id, "error": row.error_code,
    }  # fmt: skip


def _to_stderr(lines: bytes) -> None:
    sys.stderr.buffer.write(lines)
    sys.stderr.buffer.flush()
