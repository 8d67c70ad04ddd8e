"""Figures of merit of a router: gap recovered, calls needed, the cost-quality curve, and calibration.

APGR and CPT are RouteLLM's (Ong et al. 2024, section 3), taken at every threshold instead of ten; AIQ and the
non-decreasing hull are RouterBench's (Hu et al. 2024, section 3).
"""

import numpy as np
import numpy.typing as npt

Doubles = npt.NDArray[np.float64]


def gap_curve(score: Doubles, cheaper: Doubles, dearer: Doubles) -> Doubles | None:
    """The share of the quality gap recovered when the k requests of highest score go to the dearer tier.

    Shape (n + 1,), for k = 0..n. Requests of equal score share their gain evenly. None where the dearer tier is not
    better: there is no gap to recover.
    """
    gain = dearer - cheaper
    gap = float(gain.sum())
    if gap <= 0.0:
        return None
    _, group, size = np.unique(-score, return_inverse=True, return_counts=True)
    mean_gain = np.bincount(group, weights=gain) / size
    return np.concatenate(([0.0], np.cumsum(np.repeat(mean_gain, size)))) / gap


def apgr(curve: Doubles) -> float:
    """Average performance gap recovered: the area under a `gap_curve`; 0.5 is chance."""
    return float(np.trapezoid(curve, dx=1.0 / (len(curve) - 1)))


def cpt(curve: Doubles, recovered: float) -> float:
    """Call-performance threshold: the least share of calls to the dearer tier that recovers so much (0.5: CPT50)."""
    return float(np.argmax(curve >= recovered - 1e-12)) / (len(curve) - 1)


def hull(points: Doubles) -> Doubles:
    """The non-decreasing convex hull of (cost, quality) points, cheapest first: what mixing reaches."""
    kept: list[Doubles] = []
    for point in points[np.lexsort((-points[:, 1], points[:, 0]))]:
        if kept and point[1] <= kept[-1][1]:
            continue
        while len(kept) > 1 and _below(kept[-2], kept[-1], point):
            kept.pop()
        kept.append(point)
    return np.array(kept)


def _below(left: Doubles, middle: Doubles, right: Doubles) -> bool:
    """Whether `middle` does not lie above the line from `left` to `right`."""
    rise = (right[1] - left[1]) * (middle[0] - left[0])
    return bool((middle[1] - left[1]) * (right[0] - left[0]) <= rise)


def aiq(points: Doubles, cheapest: float, dearest: float) -> float:
    """Average quality over all budgets from `cheapest` to `dearest`: the mean height of the hull."""
    line = hull(points)
    budgets = np.linspace(cheapest, dearest, 401)
    return float(np.interp(budgets, line[:, 0], line[:, 1]).mean())


def calibration_error(chances: Doubles, labels: Doubles, bins: int = 10) -> float:
    """Expected calibration error over bins of equal size: the mean distance of the said from the true."""
    parts = np.array_split(np.argsort(chances, kind="stable"), min(bins, len(chances)))
    return float(sum(len(p) * abs(chances[p].mean() - labels[p].mean()) for p in parts) / len(chances))


def log_loss(chances: Doubles, labels: Doubles) -> float:
    """Mean log loss, natural, of probabilities for labels in [0, 1]."""
    safe = chances.clip(1e-9, 1.0 - 1e-9)
    return float(-(labels * np.log(safe) + (1.0 - labels) * np.log(1.0 - safe)).mean())
