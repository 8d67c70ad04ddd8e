"""The gateway's own counters over the last minutes: rates and percentiles without asking the ledger."""

from bisect import bisect_left
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field

from prometheus_client import CollectorRegistry

WINDOW_S = 300.0
_COUNTED = {
    "tiergate_requests_total", "tiergate_escalations_total", "tiergate_config_reload_failures_total",
    "tiergate_request_duration_seconds_bucket", "tiergate_time_to_first_token_seconds_bucket",
    "tiergate_time_to_first_token_seconds_count",
}  # fmt: skip
Labels = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Sample:
    """at: monotonic seconds. values: (metric, labels) to its count since the start."""

    at: float
    values: Mapping[tuple[str, Labels], float]


def read(registry: CollectorRegistry, at: float) -> Sample:
    values = {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in registry.collect()
        for sample in family.samples
        if sample.name in _COUNTED
    }
    return Sample(at, values)


@dataclass(frozen=True, slots=True)
class Counts:
    """What was counted in the window."""

    values: Mapping[tuple[str, Labels], float]

    def sum(self, metric: str, **labels: str) -> float:
        return sum(value for found, value in self._of(metric) if all(found.get(n) == v for n, v in labels.items()))

    def by(self, metric: str, label: str) -> dict[str, float]:
        sums: dict[str, float] = {}
        for found, value in self._of(metric):
            sums[found[label]] = sums.get(found[label], 0) + value
        return sums

    def quantile(self, metric: str, share: float, **labels: str) -> float | None:
        """Interpolated inside its bucket, as Prometheus does; None without any; past the last edge that edge."""
        buckets: dict[float, float] = {}
        for found, value in self._of(f"{metric}_bucket"):
            if all(found.get(name) == wanted for name, wanted in labels.items()):
                edge = float(found["le"])
                buckets[edge] = buckets.get(edge, 0) + value
        edges = sorted(buckets)
        if not edges or not buckets[edges[-1]]:
            return None
        counts = [buckets[edge] for edge in edges]
        place = bisect_left(counts, share * counts[-1])
        low = edges[place - 1] if place else 0.0
        under = counts[place - 1] if place else 0.0
        if edges[place] == float("inf"):
            return low
        inside = (share * counts[-1] - under) / max(counts[place] - under, 1e-9)
        return low + (edges[place] - low) * inside

    def _of(self, metric: str) -> list[tuple[dict[str, str], float]]:
        return [(dict(labels), value) for (name, labels), value in self.values.items() if name == metric]


@dataclass(slots=True)
class Window:
    """The last five minutes of samples."""

    samples: deque[Sample] = field(default_factory=deque)

    def take(self, sample: Sample) -> Counts:
        """What was counted since the oldest sample that is at most five minutes old."""
        self.samples.append(sample)
        while len(self.samples) > 1 and sample.at - self.samples[0].at > WINDOW_S:
            self.samples.popleft()
        oldest = self.samples[0].values
        return Counts({key: value - oldest.get(key, 0.0) for key, value in sample.values.items()})
