"""Prometheus metrics: a listener that counts, and gauges that are read when somebody asks."""

from collections.abc import Callable, Iterable, Iterator
from functools import cache

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from router.ledger.types import Reservation, Settlement
from router.limits.state import BudgetState
from router.observe.events import (
    AssessmentMissed,
    AttemptEnded,
    Escalated,
    Event,
    FellBack,
    KeyRefused,
    LimitReached,
    Reloaded,
    RequestEnded,
    Waited,
)
from router.snapshot import Snapshot

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
_FINE = (0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1)
_COARSE = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 0.8, 1, 1.5, 2.5, 5, 10, 30, 60, 120, 300)
_BREAKER = {"closed": 0, "half_open": 1, "open": 2}


class Metrics:
    """Everything under `tiergate_`; money in USD, time in seconds. Call it with each event."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        counter, histogram = self._counter, self._histogram
        self._requests = counter("requests", "Requests answered.", "tier", "model", "policy", "status")
        self._tokens = counter("tokens", "Tokens of all attempts; kind: input, cached_input, output.", "tier", "kind")
        self._cost = counter("cost_usd", "Cost of all attempts in USD.", "team", "tier")
        self._unpriced = counter("unknown_cost", "Attempts whose price is unknown.", "tier")
        self._saved = counter("saved_usd", "Saved against the baseline in USD.", "reason")
        self._lost = counter("lost_usd", "Spent beyond the baseline in USD; net is saved less lost.", "reason")
        self._ttft = histogram("time_to_first_token_seconds", "Dispatch to first token.", _COARSE, "tier")
        self._between = histogram("inter_token_latency_seconds", "Mean per stream.", _FINE, "tier")
        self._duration = histogram("request_duration_seconds", "Whole request.", _COARSE, "tier", "status")
        self._overhead = Histogram(
            "tiergate_overhead_seconds", "The part of a request that no engine was at work.", buckets=_FINE,
            registry=self.registry,
        )  # fmt: skip
        self._escalations = counter("escalations", "Drafts that were not good enough.", "tier")
        self._fallbacks = counter("fallbacks", "Candidates tried because the one before failed.", "reason")
        self._queue_wait = histogram(
            "queue_wait_seconds",
            "Wait for a place; outcome: served, timeout, refused, left.",
            _COARSE,
            "tier",
            "outcome",
        )
        self._cache = counter("cache_requests", "Cache look-ups; result: hit, miss, off.", "kind", "result")
        self._missed = counter("classifier_missed", "Requests decided without the classifier.", "reason")
        self._keys_refused = counter("keys_refused", "Callers without a valid key.", "why")
        self._limited = counter("limits_reached", "Budgets and rate limits that acted.", "what", "scope", "action")
        self._reload_failures = Counter(
            "tiergate_config_reload_failures", "Configurations that were refused.", registry=self.registry
        )

    def watch(
        self,
        snapshot: Callable[[], Snapshot],
        ledger_lag_s: Callable[[], float],
        budgets: Callable[[], Iterable[BudgetState]],
    ) -> None:
        """Read gauges from what serves at the moment of the scrape. Call once."""
        self.registry.register(_Gauges(snapshot, ledger_lag_s, budgets))

    def render(self) -> bytes:
        return generate_latest(self.registry)

    def __call__(self, event: Event) -> None:
        match event:
            case AttemptEnded(reservation, settlement, _):
                self._attempt(reservation, settlement)
            case RequestEnded():
                self._request(event)
            case Escalated(tier, _):
                self._escalations(tier).inc()
            case FellBack(_, reason):
                self._fallbacks(reason).inc()
            case Waited(tier, _, seconds, outcome):
                self._queue_wait(tier, outcome).observe(seconds)
            case AssessmentMissed(reason):
                self._missed(reason).inc()
            case KeyRefused(why, _):
                self._keys_refused(why).inc()
            case LimitReached(what, scope, action):
                self._limited(what, scope, action).inc()
            case Reloaded(ok=False):
                self._reload_failures.inc()
            case _:
                pass

    def _attempt(self, reservation: Reservation, settlement: Settlement) -> None:
        tier = reservation.tier
        if settlement.cost_nusd is None:
            self._unpriced(tier).inc()
        else:
            self._cost(reservation.team, tier).inc(settlement.cost_nusd / 1e9)
        self._tokens(tier, "input").inc(settlement.input_tokens)
        self._tokens(tier, "cached_input").inc(settlement.cached_input_tokens)
        self._tokens(tier, "output").inc(settlement.output_tokens)
        if settlement.ttft_ns is not None:
            self._ttft(tier).observe(settlement.ttft_ns / 1e9)

    def _request(self, event: RequestEnded) -> None:
        row, status = event.row, str(event.row.status)
        self._requests(row.tier, row.model, row.policy, status).inc()
        self._duration(row.tier, status).observe((row.ended_ns - row.started_ns) / 1e9)
        self._cache("exact", row.cache).inc()
        if row.overhead_ns is not None:
            self._overhead.observe(row.overhead_ns / 1e9)
        if event.inter_token_ns is not None:
            self._between(row.tier).observe(event.inter_token_ns / 1e9)
        for reason, nusd in row.saved.items():
            (self._saved if nusd >= 0 else self._lost)(reason).inc(abs(nusd) / 1e9)

    def _counter(self, name: str, told: str, *labels: str) -> Callable[..., Counter]:
        """From the labels' values to the series; the cache spares the registry's slower look-up."""
        return cache(Counter(f"tiergate_{name}", told, labels, registry=self.registry).labels)

    def _histogram(self, name: str, told: str, buckets: tuple[float, ...], *labels: str) -> Callable[..., Histogram]:
        return cache(Histogram(f"tiergate_{name}", told, labels, buckets=buckets, registry=self.registry).labels)


class _Gauges(Collector):
    """Gauges of replicas and the ledger; what an engine does not report is absent, never 0."""

    def __init__(
        self,
        snapshot: Callable[[], Snapshot],
        ledger_lag_s: Callable[[], float],
        budgets: Callable[[], Iterable[BudgetState]],
    ) -> None:
        self._snapshot = snapshot
        self._ledger_lag_s = ledger_lag_s
        self._budgets = budgets

    def collect(self) -> Iterator[GaugeMetricFamily]:
        snapshot = self._snapshot()
        yield from _replica_gauges(snapshot)
        yield from _budget_gauges(self._budgets())
        lag = GaugeMetricFamily("tiergate_ledger_lag_seconds", "Age of the oldest row that is not written yet.")
        lag.add_metric([], self._ledger_lag_s())
        yield lag
        generation = GaugeMetricFamily("tiergate_config_generation", "Configurations taken since the start.")
        generation.add_metric([], snapshot.generation)
        yield generation


def _budget_gauges(budgets: Iterable[BudgetState]) -> Iterator[GaugeMetricFamily]:
    """Of several budgets of one scope and period the tightest."""
    labels = ["scope", "period"]
    told = "What is left of a budget, neither spent nor held; below 0 where it is overrun."
    remaining = GaugeMetricFamily("tiergate_budget_remaining_usd", told, labels=labels)
    limit = GaugeMetricFamily("tiergate_budget_limit_usd", "What a budget allows in its period.", labels=labels)
    tightest: dict[tuple[str, str], BudgetState] = {}
    for budget in budgets:
        if budget.unit == "usd":
            place = budget.scope, budget.period
            tightest[place] = min(budget, tightest.get(place, budget), key=lambda state: state.remaining)
    for (scope, period), state in tightest.items():
        remaining.add_metric([scope, period], state.remaining / 1e9)
        limit.add_metric([scope, period], state.limit / 1e9)
    yield from (remaining, limit)


def _replica_gauges(snapshot: Snapshot) -> Iterator[GaugeMetricFamily]:
    labels = ["tier", "replica"]
    up = GaugeMetricFamily("tiergate_replica_up", "1 where it answers its health check.", labels=labels)
    inflight = GaugeMetricFamily("tiergate_inflight", "Our requests under way.", labels=labels)
    breaker = GaugeMetricFamily("tiergate_breaker_state", "0 closed, 1 half-open, 2 open.", labels=labels)
    queue = GaugeMetricFamily(
        "tiergate_queue_depth", "Requests waiting in the engine; in Tiergate where replica is empty.", labels=labels
    )
    kv_cache = GaugeMetricFamily("tiergate_kv_cache_usage", "Share of the KV cache in use, 0 to 1.", labels=labels)
    for tier in snapshot.tiers.values():
        queue.add_metric([tier.name, ""], tier.queued)
        for replica in tier.replicas:
            where = [tier.name, replica.name]
            up.add_metric(where, float(replica.up))
            inflight.add_metric(where, replica.inflight)
            breaker.add_metric(where, _BREAKER[replica.breaker.state])
            if replica.load is not None and replica.load.waiting is not None:
                queue.add_metric(where, replica.load.waiting)
            if replica.load is not None and replica.load.kv_cache is not None:
                kv_cache.add_metric(where, replica.load.kv_cache)
    yield from (up, inflight, breaker, queue, kv_cache)
