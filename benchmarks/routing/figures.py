"""Figures with their intervals: the mean over seeds, and over rows resampled in every seed."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

RESAMPLES = 100
Measure = Callable[[np.ndarray], float]  # of the rows with these places


@dataclass(frozen=True)
class Figure:
    """The mean over seeds, with a 95 % bootstrap interval over the test rows, and the deviation over seeds."""

    value: float
    low: float
    high: float
    over_seeds: float

    def __str__(self) -> str:
        return f"{self.value:.3f} ({self.low:.3f}-{self.high:.3f})"


def figure(measures: Sequence[tuple[int, Measure]]) -> Figure:
    """From each seed's number of test rows and measure."""
    draws = [np.random.default_rng(seed) for seed in range(len(measures))]
    values = [measure(np.arange(rows)) for rows, measure in measures]
    means = []
    for _ in range(RESAMPLES):
        resampled = [
            measure(draw.integers(0, rows, rows)) for draw, (rows, measure) in zip(draws, measures, strict=True)
        ]
        means.append(np.mean(resampled))
    low, high = np.quantile(means, (0.025, 0.975))
    # Seeds share rows, so their resamples are not independent: the interval is widened to that of one seed.
    centre, wide = float(np.mean(values)), len(measures) ** 0.5
    return Figure(centre, centre - (centre - low) * wide, centre + (high - centre) * wide, float(np.std(values)))


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """A Markdown table."""
    lines = [header, ["---"] * len(header), *rows]
    return [f"| {' | '.join(line)} |" for line in lines]
