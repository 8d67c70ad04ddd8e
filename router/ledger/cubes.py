"""The rollups as data: by what they are grouped, what they add up, and the rows it comes from."""

from collections.abc import Mapping
from dataclasses import dataclass

from router.ledger.buckets import HISTOGRAMS

HOUR_S = 3_600
DAY_S = 86_400
SPANS_S = (HOUR_S, DAY_S)
SAVED_BY = ("routing", "cascade", "exact", "semantic", "prefix")

_REQUEST = "{requests} q"
_ATTEMPT = "{attempts} a LEFT JOIN request q ON q.request_id = a.request_id"
_TAGS = "JOIN json_each(q.tags) t"


@dataclass(frozen=True, eq=False)
class Source:
    """Rows that a rollup adds up. started_ns: their time. rows: a FROM clause with a place for the table of attempts or
    of requests: `attempt` and `request`, or what is new of them.

    dimensions: column of the rollup's group to its value in SQL. measures: column of the rollup to what a row adds.
    """

    rows: str
    started_ns: str
    dimensions: Mapping[str, str]
    measures: Mapping[str, str]


@dataclass(frozen=True, eq=False)
class Cube:
    """A rollup: table `name`, one row for each span, group and start; its groups in `groups`.

    attempts, requests: what attempts and requests add to it; either may add nothing. Two cubes may share groups.
    """

    name: str
    groups: str
    attempts: Source | None
    requests: Source | None

    @property
    def sources(self) -> tuple[Source, ...]:
        return tuple(source for source in (self.requests, self.attempts) if source is not None)

    @property
    def dimensions(self) -> tuple[str, ...]:
        return tuple(self.sources[0].dimensions)

    @property
    def measures(self) -> tuple[str, ...]:
        return tuple(name for source in self.sources for name in source.measures)


def _sum(column: str) -> str:
    return f"coalesce({column}, 0)"


ATTEMPT_MEASURES = {
    "attempts": "1",
    "rejected": "a.outcome = 'rejected'",
    "escalations": "a.kind = 'escalation'",
    "fallbacks": "a.kind = 'fallback'",
    "input_tokens": _sum("a.input_tokens"),
    "cached_input_tokens": _sum("a.cached_input_tokens"),
    "output_tokens": _sum("a.output_tokens"),
    "reasoning_tokens": _sum("a.reasoning_tokens"),
    "estimated": "a.estimated",
    "unseen": "a.outcome = 'unseen'",
    "cost_nusd": _sum("a.cost_nusd"),
    "unknown_cost": "a.cost_nusd IS NULL",
    "wasted_nusd": f"CASE WHEN a.outcome = 'rejected' THEN {_sum('a.cost_nusd')} ELSE 0 END",
}
REQUEST_MEASURES = {
    "requests": "1",
    "errors": "q.status >= 400 AND q.status <> 499",
    "left_early": "q.status = 499",
    "duration_ns": "q.ended_ns - q.started_ns",
    "ttft_ns": _sum("q.ttft_ns"),
    "ttft_known": "q.ttft_ns IS NOT NULL",
    "overhead_ns": _sum("q.overhead_ns"),
    "overhead_known": "q.overhead_ns IS NOT NULL",
    "baseline_nusd": _sum("q.baseline_nusd"),
    "baseline_known": "q.baseline_nusd IS NOT NULL",
    **{f"saved_{reason}_nusd": _sum(f"json_extract(q.saved, '$.{reason}')") for reason in SAVED_BY},
}
_LATENCY_MEASURES = {column: sql for buckets in HISTOGRAMS.values() for column, sql in buckets.counted().items()}

# Of the request, so that an attempt shows them too; "" where its request has no row.
_ROUTED = {
    "client_model": "coalesce(q.client_model, '')",
    "decision": "coalesce(q.decision, '')",
    "policy": "coalesce(q.policy, '')",
    "cache": "coalesce(q.cache, '')",
    "status": "coalesce(CAST(q.status AS TEXT), '')",
    "path": "coalesce(q.path, '')",
}


def _own(alias: str, *names: str) -> dict[str, str]:
    return {name: f"{alias}.{name}" for name in names}


def _source(alias: str, rows: str, dimensions: Mapping[str, str], measures: Mapping[str, str]) -> Source:
    return Source(rows, f"{alias}.started_ns", dimensions, measures)


_WHO = ("key_id", "tier", "model", "team", "user")
_BY_REQUEST = {**_own("q", *_WHO), **_ROUTED}
_TAGGED = {"name": "t.key", "value": "CAST(t.value AS TEXT)"}

MAIN = Cube(
    "rollup",
    "rollup_group",
    attempts=_source("a", _ATTEMPT, {**_own("a", *_WHO), **_ROUTED}, ATTEMPT_MEASURES),
    requests=_source("q", _REQUEST, _BY_REQUEST, REQUEST_MEASURES),
)
_ROUTE = ("client_model", "decision", "policy", "cache", "status", "path")


def _small(name: str, own: tuple[str, ...], routed: tuple[str, ...]) -> Cube:
    """A part of the dimensions of `MAIN`, for what is asked most."""
    shared = {column: _ROUTED[column] for column in routed}
    return Cube(
        name,
        f"{name}_group",
        attempts=_source("a", _ATTEMPT, {**_own("a", *own), **shared}, ATTEMPT_MEASURES),
        requests=_source("q", _REQUEST, {**_own("q", *own), **shared}, REQUEST_MEASURES),
    )


TEAMS = _small("rollup_team", ("team", "tier", "model"), ("client_model",))
ROUTES = _small("rollup_route", ("tier", "model"), _ROUTE)
LATENCY = Cube(
    "rollup_latency",
    "rollup_latency_group",
    attempts=None,
    requests=_source(
        "q",
        _REQUEST,
        {**_own("q", "team", "tier", "model"), **{name: _ROUTED[name] for name in _ROUTED if name != "path"}},
        _LATENCY_MEASURES,
    ),
)
TAGS = Cube(
    "rollup_tag",
    "rollup_tag_group",
    attempts=_source("a", f"{_ATTEMPT} {_TAGS}", {**_TAGGED, **_own("a", "team", "tier")}, ATTEMPT_MEASURES),
    requests=_source("q", f"{_REQUEST} {_TAGS}", {**_TAGGED, **_own("q", "team", "tier")}, REQUEST_MEASURES),
)
REPLICAS = Cube(
    "rollup_replica",
    "rollup_replica_group",
    attempts=_source("a", _ATTEMPT, _own("a", "team", "tier", "model", "replica", "kind", "outcome"), ATTEMPT_MEASURES),
    requests=None,
)
CUBES = (TEAMS, ROUTES, MAIN, LATENCY, TAGS, REPLICAS)
