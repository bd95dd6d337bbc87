"""Accuracy by the number of training clips of each class, a line a method."""

from collections.abc import Mapping, Sequence

from matplotlib.figure import Figure

from pipeline.evaluation.small_samples import SmallSample
from pipeline.report.figures import COLOURS, FAINT, GRID, INK, MARKERS, png


def small_samples_figure(found: Mapping[str, Sequence[SmallSample]]) -> bytes:
    """Draw each method's curve with its standard deviation over seeds, as PNG bytes; clips on a logarithmic axis."""
    figure = Figure(figsize=(8.4, 3.6), layout="constrained")
    axes = figure.add_subplot()
    for place, (method, curve) in enumerate(found.items()):
        axes.errorbar(
            [one.clips_per_class for one in curve],
            [one.mean for one in curve],
            yerr=[one.std or 0.0 for one in curve],
            color=COLOURS[place % len(COLOURS)],
            marker=MARKERS[place % len(MARKERS)],
            markersize=4.5,
            linewidth=1.3,
            capsize=2,
            label=method,
        )
    counts = sorted({one.clips_per_class for curve in found.values() for one in curve})
    axes.set_xscale("log")
    axes.set_xticks(counts, [str(count) for count in counts])
    axes.minorticks_off()
    axes.set_xlabel("training clips of each class", fontsize=9, color=FAINT)
    axes.set_ylabel("test accuracy, %", fontsize=9, color=FAINT)
    axes.grid(axis="y", color=GRID)
    axes.tick_params(length=0, labelcolor=INK, labelsize=9)
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color(GRID)
    axes.legend(fontsize=8, frameon=False, loc="center left", bbox_to_anchor=(1.0, 0.5))
    return png(figure)
