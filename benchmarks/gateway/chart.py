"""The chart of the gateways: a drawing that needs nothing to be shown."""

import io
from collections.abc import Sequence

import matplotlib.pyplot as plt
from matplotlib.backends.backend_svg import FigureCanvasSVG

from benchmarks.gateway.measures import Row

OURS, OTHERS = "#0f766e", "#94a3b8"


def chart(rows: Sequence[Row]) -> str:
    """Throughput and latency of each gateway as SVG, both on logarithmic scales."""
    figure, (left, right) = plt.subplots(1, 2, figsize=(10, 3.2), sharey=True)
    names = [row.name for row in reversed(rows)]
    colours = [OURS if name == "Tiergate" else OTHERS for name in names]
    left.barh(names, [row.per_s() for row in reversed(rows)], color=colours)
    left.set(xscale="log", xlabel="requests/s at 16 connections (more is better)")
    right.barh(names, [row.p50_ms() for row in reversed(rows)], color=colours)
    right.set(xscale="log", xlabel="p50 latency at one connection, ms (less is better)")
    for axes in (left, right):
        axes.spines[["top", "right"]].set_visible(False)
    figure.tight_layout()
    text = io.StringIO()
    FigureCanvasSVG(figure).print_svg(text, metadata={"Date": None})
    return text.getvalue()
