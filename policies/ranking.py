"""A ranking: candidates that are good enough by expected value, the others by quality."""

from policies.case import Candidate
from policies.schema_policies import Route

UNKNOWN_LOAD = 0.5  # in ties only: neither idle nor busy

Rank = tuple[bool, bool, bool, float, float, float]


class Ranking:
    """Candidates of one request, ranked by a route.

    A candidate is good enough when its predicted quality is at least `route.quality` times the best usable
    one's: a share, because on a question that no tier answers well the dearest is no better buy.
    """

    def __init__(self, candidates: list[Candidate], route: Route) -> None:
        self.candidates = candidates
        self.route = route
        usable = [candidate for candidate in candidates if candidate.usable]
        self.best = max((candidate.quality or 0.0 for candidate in usable), default=0.0)
        self.bar = route.quality * self.best
        self._bar_text = f"{route.quality} x {self.best:.2f}"
        good = [candidate for candidate in usable if _reaches(candidate, self.bar)]
        self.good = sorted(good, key=self._rank) if len(good) > 1 else good
        self._usable = usable

    def ordered(self) -> list[Candidate]:
        """Good ones, then those of unknown quality, then the rest by quality."""
        rest = [candidate for candidate in self._usable if not _reaches(candidate, self.bar)]
        return [*self.good, *sorted(rest, key=_quality_last)]

    def reasons(self) -> dict[str, str]:
        """Why each candidate stands where it does, one clause each."""
        first = self.good[0] if self.good else None
        return {candidate.name: self._reason(candidate, candidate is first) for candidate in self.candidates}

    def _rank(self, candidate: Candidate) -> Rank:
        """Smaller is better: fit for the length, in time, priced, cheap, idle, good; else as given."""
        value, load = candidate.value_nusd, candidate.load
        return (
            self._wrong_length(candidate),
            self._too_slow(candidate),
            value is None,
            value or 0.0,
            UNKNOWN_LOAD if load is None else load,
            -(candidate.quality or 0.0),
        )

    def _wrong_length(self, candidate: Candidate) -> bool:
        """Whether the tier is kept for answers of the other length."""
        view, tokens = candidate.view, candidate.output_tokens
        if view is None or view.output == "any" or tokens is None:
            return False
        return (view.output == "short") != (tokens < self.route.short_output_tokens)

    def _too_slow(self, candidate: Candidate) -> bool:
        limit, latency = self.route.max_latency_s, candidate.latency_s
        return limit is not None and latency is not None and latency > limit

    def _reason(self, candidate: Candidate, first: bool) -> str:
        if candidate.quality is None:
            return "the classifier does not rate it"
        quality = f"predicted quality {candidate.quality:.2f}"
        if candidate.quality < self.bar:
            return f"{quality} < {self._bar_text}"
        standing = f"best expected value: {_price(candidate)}" if first else self._lost(candidate)
        return f"{quality} >= {self._bar_text}; {standing}"

    def _lost(self, candidate: Candidate) -> str:
        """What put a tier that is good enough behind the first."""
        if self._wrong_length(candidate) and candidate.view is not None:
            return f"kept for {candidate.view.output} answers, {candidate.output_tokens:.0f} tokens predicted"
        if self._too_slow(candidate):
            return f"predicted latency {candidate.latency_s:.1f} s > {self.route.max_latency_s:g} s"
        return _price(candidate)


def usd(nusd: float) -> str:
    return f"{nusd / 1e9:.7f} USD"


def _price(candidate: Candidate) -> str:
    cost, value = candidate.cost_nusd, candidate.value_nusd
    if cost is None or value is None:
        return "price unknown, so after known prices"
    counted = f" (counted as {usd(value)} at {candidate.load:.0%} load)" if value != cost else ""
    return usd(cost) + counted


def _reaches(candidate: Candidate, bar: float) -> bool:
    return candidate.quality is not None and candidate.quality >= bar


def _quality_last(candidate: Candidate) -> tuple[bool, float]:
    return candidate.quality is not None, -(candidate.quality or 0.0)
