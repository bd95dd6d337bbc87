"""A table as a picture: our accuracies with intervals and seeds, the paper's figures as marks beside them."""

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from pipeline.report.figures import COLOURS, FAINT, INK, png
from pipeline.tables.outcome import Outcome

OURS, PAPER = COLOURS[0], COLOURS[1]


def drawn(outcome: Outcome) -> bytes:
    """Draw a line for each row, as PNG; rows that did not run show the paper's figure alone."""
    records = outcome.records
    figure = Figure(figsize=(8.4, 1.3 + 0.42 * len(records)), layout="constrained")
    axes = figure.add_subplot()
    for place, record in enumerate(records):
        if record["mean"] is not None:
            axes.hlines(place - 0.12, *record["interval"], color=OURS, linewidth=2.2, zorder=3)
            axes.plot(
                record["by_seed"], [place - 0.12] * len(record["by_seed"]), "o", color=OURS, markersize=3.2
            )
            axes.plot([record["mean"]], [place - 0.12], "D", color=INK, markersize=5, zorder=4)
        if (printed := record["paper"].get(outcome.compared)) is not None:
            axes.plot([printed], [place + 0.2], "s", color=PAPER, markersize=5, zorder=4)
    names = [f"{r['row']}{'' if r['mean'] is not None else ' (not run)'}" for r in records]
    axes.set_yticks(range(len(records)), names, fontsize=9)
    axes.set_ylim(len(records) - 0.5, -0.6)
    _finish(axes, outcome)
    return png(figure)


def _finish(axes: Axes, outcome: Outcome) -> None:
    axes.set_title(outcome.table.title, fontsize=10, color=INK, loc="left")
    axes.set_xlabel(
        f"test accuracy in per cent; blue: ours on {outcome.dataset} (diamond: mean, dots: seeds, line: 95 % "
        f"interval);\norange: the paper's on {outcome.compared}",
        fontsize=8,
        color=FAINT,
    )
    axes.grid(axis="x", color="#e3e8ee")
    axes.set_axisbelow(True)
    for side in ("top", "right", "left"):
        axes.spines[side].set_visible(False)
    axes.tick_params(length=0)
