"""The record of a decision: what the ledger keeps of it, and how it is read again."""

import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, fields
from operator import attrgetter
from pathlib import Path
from typing import Any

import orjson

from policies.types import Decision, Facts, Predicted, TierView
from router.ledger.sqlite import LedgerError, connect_reader

_MICRO = 6  # digits after the point of a second
_IN_COLUMNS = frozenset({"tags", "team", "user", "key", "model", "path"})  # of the request's row itself
_KEPT = tuple(field.name for field in fields(Facts) if field.name not in _IN_COLUMNS)
_PLAIN: Mapping[str, Any] = {
    "prompt_tokens": 0, "turns": 1, "has_code": False, "has_tools": False, "has_images": False, "wants_json": False,
    "wants_logprobs": False, "language": "und", "stream": False, "n": 1, "max_tokens": None, "hour": 0, "weekday": 0,
}  # fmt: skip
_PREDICTED = tuple(field.name for field in fields(Predicted))
_kept, _predicted_of = attrgetter(*_KEPT), attrgetter(*_PREDICTED)
_ROWS = """
SELECT request_id, started_ns, ended_ns, path, client_model, decision, tier, status, cache, attempts, cost_nusd,
  input_tokens, cached_input_tokens, output_tokens, reasoning_tokens, team, key_id, user, tags, facts
FROM request WHERE started_ns >= ? AND started_ns < ? ORDER BY started_ns, request_id
"""

# What a tier was doing: state, requests in flight, capacity, seconds to the first token, between tokens, why barred.
Seen = Sequence[Any]


@dataclass(frozen=True, slots=True)
class Recorded:
    """One answered request. decided: tiers in the order to try; empty where nothing was decided (cache, refusals).

    accept: the cascade's setting where the first tier was to draft, None where not. kept: that draft answered.
    cost_nusd: None where unknown. seconds: from arrival to the end.
    """

    request_id: str
    client_model: str
    name: str
    facts: Facts
    predicted: Predicted | None
    fleet: Mapping[str, Seen]
    decided: tuple[str, ...]
    accept: float | None
    kept: bool
    tier: str
    cache: str
    status: int
    seconds: float
    cost_nusd: int | None
    input_tokens: int
    cached_input_tokens: int
    output_tokens: int
    reasoning_tokens: int


def facts_of(facts: Facts, decision: Decision | None) -> dict[str, object]:
    """What a replay needs: the request's facts, the prediction, the order that was decided and the fleet as it was."""
    told: dict[str, object] = dict(zip(_KEPT, _kept(facts), strict=True))
    if decision is None:
        return told
    if decision.predicted is not None:
        told["predicted"] = dict(zip(_PREDICTED, _predicted_of(decision.predicted), strict=True))
    told["decided"] = decision.tiers
    told["fleet"] = {
        name: (v.state, v.inflight, v.capacity, _micro(v.ttft_s), _micro(v.inter_token_s), v.barred)
        for name, v in decision.fleet.items()
    }
    if decision.cascade is not None:
        told["accept"] = decision.cascade.accept
    return told


def seen(view: TierView, as_it_was: Seen) -> TierView:
    """The tier of another configuration, doing what its namesake did."""
    state, inflight, capacity, ttft_s, inter_token_s, barred = as_it_was
    return TierView(
        view.name, view.context, view.needs_met, state, view.input_nusd, view.cached_input_nusd, view.output_nusd,
        inflight, capacity, ttft_s, inter_token_s, view.output, barred,
    )  # fmt: skip


def read(path: Path, *, since_ns: int, until_ns: int) -> Iterator[Recorded]:
    """Requests that began from `since_ns` to just before `until_ns`, in order. Raises LedgerError."""
    with closing(connect_reader(path)) as connection:
        try:
            for row in connection.execute(_ROWS, (since_ns, until_ns)):
                yield _recorded(row)
        except sqlite3.Error as error:
            raise LedgerError(f"{path}: {error}") from error


def count(path: Path, *, since_ns: int, until_ns: int) -> int:
    """How many `read` gives. Raises LedgerError."""
    with closing(connect_reader(path)) as connection:
        query = "SELECT count(*) FROM request WHERE started_ns >= ? AND started_ns < ?"
        return int(connection.execute(query, (since_ns, until_ns)).fetchone()[0])


def _recorded(row: sqlite3.Row) -> Recorded:
    told: dict[str, Any] = orjson.loads(row["facts"])
    decided = tuple(told.get("decided", ()))
    accept = told.get("accept")
    return Recorded(
        request_id=row["request_id"], client_model=row["client_model"], name=row["decision"],
        facts=facts_again(row, told), predicted=_predicted(told.get("predicted")),
        fleet=told.get("fleet", {}), decided=decided, accept=accept,
        kept=accept is not None and row["tier"] == decided[0] and row["attempts"] == 1, tier=row["tier"],
        cache=row["cache"], status=row["status"], seconds=(row["ended_ns"] - row["started_ns"]) / 1e9,
        cost_nusd=row["cost_nusd"], input_tokens=row["input_tokens"], cached_input_tokens=row["cached_input_tokens"],
        output_tokens=row["output_tokens"], reasoning_tokens=row["reasoning_tokens"],
    )  # fmt: skip


def facts_again(row: Mapping[str, Any] | sqlite3.Row, told: Mapping[str, Any]) -> Facts:
    """What another version of the gateway did not keep is as in a plain request."""
    kept = {name: told.get(name, plain) for name, plain in _PLAIN.items()}
    return Facts(
        **kept, path=row["path"], model=row["client_model"], tags=orjson.loads(row["tags"]), team=row["team"],
        user=row["user"], key=row["key_id"],
    )  # fmt: skip


def _predicted(told: Mapping[str, Any] | None) -> Predicted | None:
    return None if told is None else Predicted(**{name: v for name, v in told.items() if name in _PREDICTED})


def _micro(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds, _MICRO)
