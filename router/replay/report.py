"""The report of a replay: the same requests before and after, and those that would move."""

import heapq
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from policies.schema import Config
from router.prices.quote import price_book
from router.prices.throughput import measured as measured_throughput
from router.replay import latency, recorded
from router.replay.again import Again, Figures, Replayer
from router.replay.recorded import Recorded

_SAMPLE = 20


@dataclass(slots=True)
class Side:
    """Sums over replayed requests. tiers: tier to how many it answers, expected ones as fractions.

    Quality and latency are over those of which they are known on both sides, so that the two sides compare.
    """

    cost_nusd: float = 0.0
    unknown_cost: int = 0
    tiers: dict[str, float] = field(default_factory=dict)
    quality: float = 0.0
    quality_known: int = 0
    latency_s: float = 0.0
    latency_known: int = 0

    @property
    def mean_quality(self) -> float | None:
        return self.quality / self.quality_known if self.quality_known else None

    @property
    def mean_latency_s(self) -> float | None:
        return self.latency_s / self.latency_known if self.latency_known else None


@dataclass(frozen=True, slots=True)
class Move:
    """One request that would go elsewhere. before, after: the ways (`edge draft`, `long`); why: of the new decision."""

    request_id: str
    before: str
    after: str
    why: str
    cost_before_nusd: int | None
    cost_after_nusd: int | None


@dataclass(slots=True)
class Report:
    """replayed: requests on both sides. skipped: reason to how many were left out. moved: how many would go elsewhere.

    ways: (before, after) to how many. sample: of the moves, those that change cost most.
    """

    replayed: int = 0
    moved: int = 0
    skipped: Counter[str] = field(default_factory=Counter)
    before: Side = field(default_factory=Side)
    after: Side = field(default_factory=Side)
    ways: Counter[tuple[str, str]] = field(default_factory=Counter)
    sample: list[Move] = field(default_factory=list)


def replay(
    path: Path,
    config: Config,
    *,
    since_ns: int,
    until_ns: int,
    progress: Callable[[int], None] = lambda _: None,
) -> Report:
    """What the ledger's requests of that time would have come to under `config`. Blocks. Raises LedgerError.

    progress: told how many requests are done, every thousand.
    """
    prices = price_book(config, on=datetime.now(UTC).date(), measured=measured_throughput(path, config))
    latencies = latency.measured(path, since_ns=since_ns, until_ns=until_ns)
    replayer = Replayer(config, prices, latencies)
    return reported(replayer, recorded.read(path, since_ns=since_ns, until_ns=until_ns), progress)


def with_threshold(config: Config, policy: str, *, quality: float | None = None, accept: float | None = None) -> Config:
    """The configuration with another `route.quality` or `cascade.accept` of one policy: for a what-if."""
    now = config.policies[policy]
    route = now.route if quality is None else now.route.model_copy(update={"quality": quality})
    cascade = now.cascade
    if accept is not None and cascade is not None:
        cascade = cascade.model_copy(update={"accept": accept})
    changed = now.model_copy(update={"route": route, "cascade": cascade})
    return config.model_copy(update={"policies": {**config.policies, policy: changed}})


def reported(replayer: Replayer, records: Iterable[Recorded], progress: Callable[[int], None]) -> Report:
    report = Report()
    largest: list[tuple[float, str, Move]] = []
    for place, record in enumerate(records, 1):
        again = replayer.again(record)
        if isinstance(again, str):
            report.skipped[again] += 1
        else:
            _add(report, again)
            if again.moved:
                _sample(report, again, largest)
        if not place % 1_000:
            progress(place)
    report.sample = [move for _, _, move in sorted(largest, key=lambda each: (-each[0], each[1]))]
    return report


def _add(report: Report, again: Again) -> None:
    report.replayed += 1
    before, after = again.before, again.after
    for side, figures in ((report.before, before), (report.after, after)):
        for tier, share in figures.tiers.items():
            side.tiers[tier] = side.tiers.get(tier, 0.0) + share
        if figures.cost_nusd is None:
            side.unknown_cost += 1
        else:
            side.cost_nusd += figures.cost_nusd
    if before.quality is not None and after.quality is not None:
        _note_quality(report, before, after)
    if before.latency_s is not None and after.latency_s is not None:
        report.before.latency_s += before.latency_s
        report.after.latency_s += after.latency_s
        report.before.latency_known += 1
        report.after.latency_known += 1


def _note_quality(report: Report, before: Figures, after: Figures) -> None:
    report.before.quality += before.quality or 0.0
    report.after.quality += after.quality or 0.0
    report.before.quality_known += 1
    report.after.quality_known += 1


def _sample(report: Report, again: Again, largest: list[tuple[float, str, Move]]) -> None:
    record, decision = again.record, again.decision
    ways = (
        _way(record.decided, draft=record.accept is not None),
        _way(decision.tiers, draft=decision.cascade is not None),
    )
    report.moved += 1
    report.ways[ways] += 1
    cost_after = None if again.after.cost_nusd is None else round(again.after.cost_nusd)
    why = next((c.reason for c in decision.considered if c.tier == decision.tiers[0]), "")
    move = Move(record.request_id, *ways, why, record.cost_nusd, cost_after)
    change = abs((cost_after or 0) - (record.cost_nusd or 0))
    heapq.heappush(largest, (change, record.request_id, move))
    if len(largest) > _SAMPLE:
        heapq.heappop(largest)


def _way(tiers: tuple[str, ...], *, draft: bool) -> str:
    return f"{tiers[0]} draft, {tiers[1]}" if draft and len(tiers) > 1 else tiers[0]


def plain(report: Report) -> Mapping[str, object]:
    """As JSON: costs in USD as text, quality in [0, 1], latency in seconds; null where unknown."""
    return {
        "replayed": report.replayed,
        "moved": report.moved,
        "skipped": dict(report.skipped),
        "before": _plain(report.before),
        "after": _plain(report.after),
        "ways": [{"before": a, "after": b, "requests": n} for (a, b), n in report.ways.most_common()],
        "sample": [
            {
                "request_id": m.request_id, "before": m.before, "after": m.after, "why": m.why,
                "cost_before_nusd": m.cost_before_nusd, "cost_after_nusd": m.cost_after_nusd,
            }
            for m in report.sample
        ],
    }  # fmt: skip


def _plain(side: Side) -> dict[str, object]:
    return {
        "cost_nusd": round(side.cost_nusd), "unknown_cost": side.unknown_cost,
        "requests_by_tier": {tier: round(n, 3) for tier, n in sorted(side.tiers.items())},
        "predicted_quality": side.mean_quality, "latency_s": side.mean_latency_s,
    }  # fmt: skip
