"""Accuracy by confidence, a panel a method."""

from collections.abc import Mapping

from matplotlib.figure import Figure

from pipeline.evaluation.calibration import Calibration
from pipeline.report.figures import FAINT, GRID, INK, png

LARGEST_DOT = 420
"""Area in square points of a dot that holds every clip."""
SMALLEST_DOT = 8


def reliability_diagram(found: Mapping[str, Calibration]) -> bytes:
    """Draw each method's accuracy against its confidence, in per cent, as PNG bytes."""
    figure = Figure(figsize=(2.9 * len(found), 3.2), layout="constrained")
    for axes, (method, binned) in zip(
        figure.subplots(1, len(found), squeeze=False)[0], found.items(), strict=True
    ):
        axes.plot([0, 100], [0, 100], linestyle="--", color=FAINT, linewidth=0.9, zorder=1)
        areas = (LARGEST_DOT * binned.share).clip(SMALLEST_DOT)
        axes.vlines(
            binned.confidence, binned.accuracy, binned.confidence, color="#d55e00", linewidth=1.2, zorder=2
        )
        axes.scatter(
            binned.confidence, binned.accuracy, s=areas, color="#0072b2", alpha=0.85, linewidth=0, zorder=3
        )
        axes.set_title(f"{method}: error {binned.error:.1f}", fontsize=10, color=INK, loc="left")
        axes.set_xlabel("confidence, %", fontsize=9, color=FAINT)
        axes.set_xlim(0, 106)
        axes.set_ylim(-6, 106)
        axes.set_aspect("equal")
        axes.tick_params(labelsize=8, colors=FAINT, length=0)
        axes.spines[["top", "right"]].set_visible(False)
        axes.spines[["left", "bottom"]].set_color(GRID)
    figure.axes[0].set_ylabel("accuracy, %", fontsize=9, color=FAINT)
    return png(figure)
