"""Plots of a report, as PNG bytes: pure functions of arrays, without matplotlib's global state."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from io import BytesIO
from typing import Any, Literal

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from pipeline.evaluation.metrics import Score
from pipeline.report.feature_space import Mapped
from pipeline.shown import ShownByShape

INK, FAINT, GRID = "#1d2733", "#66727f", "#e3e8ee"
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#5d4b8c", "#8a8f2a")
"""Okabe and Ito's palette, distinguishable with colour blindness, and two more."""
MARKERS = "osD^vP*X"
DOTS_PER_INCH = 130
LEGEND_LETTERS = 56
"""Letters of a legend that fit under a panel four inches wide."""


def png(figure: Figure, *, trimmed: bool = False) -> bytes:
    """Encode a figure, equal figures to equal bytes; `trimmed` cuts off its empty border."""
    FigureCanvasAgg(figure)
    buffer = BytesIO()
    look: dict[str, Any] = {
        "dpi": DOTS_PER_INCH,
        "facecolor": "white",
        "bbox_inches": "tight" if trimmed else None,
    }
    figure.savefig(buffer, format="png", metadata={"Software": None}, **look)
    return buffer.getvalue()


def accuracies(scores: Sequence[Score], ceilings: Mapping[str, float] | None = None) -> bytes:
    """Draw a bar for each method with its 95 % interval, a dot for each seed, and a dashed line at a known ceiling."""
    figure = Figure(figsize=(8.4, 0.9 + 0.46 * len(scores)), layout="constrained")
    axes = figure.add_subplot()
    for row, score in enumerate(scores):
        colour = "#3f97cf" if score.method == "fused" else "#9db4c8"
        axes.barh(row, score.mean, height=0.62, color=colour, zorder=2)
        axes.hlines(row - 0.13, *score.interval, color=INK, linewidth=1.8, zorder=4)
        ring: dict[str, Any] = {
            "color": "white",
            "markeredgecolor": INK,
            "markeredgewidth": 0.9,
            "markersize": 4.4,
        }
        axes.plot(score.by_seed, [row + 0.13] * len(score.by_seed), "o", zorder=5, **ring)
        axes.text(101.5, row, f"{score.mean:.1f}", va="center", fontsize=10, color=INK, fontweight="bold")
        ceiling = (ceilings or {}).get(score.method)
        if ceiling is not None:
            axes.vlines(
                ceiling,
                row - 0.42,
                row + 0.42,
                color=COLOURS[1],
                linestyle=(0, (2, 1.2)),
                linewidth=1.8,
                zorder=3,
                clip_on=False,  # a ceiling of 100 lies on the axes' edge
            )
    axes.set_yticks(range(len(scores)), [score.method for score in scores], fontsize=10)
    axes.invert_yaxis()
    axes.set_xlim(0, 100)
    axes.set_xlabel(
        "test accuracy in per cent; line: 95 % interval, dots: seeds"
        + (", dashed: ceiling" if ceilings else "")
    )
    _plain(axes, "x")
    return png(figure)


def confusion(matrix: NDArray[np.int64], names: Sequence[str], title: str) -> bytes:
    """Draw a confusion matrix whose rows (true classes) add up to 100 %; cells show numbers up to 30 classes."""
    count = len(names)
    share = 100 * matrix / np.maximum(matrix.sum(axis=1, keepdims=True), 1)
    side = float(np.clip(2.6 + 0.31 * count, 4.4, 17))
    letters = float(np.clip(430 / count, 4.5, 9))
    figure = Figure(figsize=(side, side), layout="constrained")
    axes = figure.add_subplot()
    axes.imshow(share, cmap="Blues", vmin=0, vmax=100)
    numbered = count <= 60
    across = [str(number) for number in range(count)] if numbered else list(names)
    down = [f"{name} {number}" for number, name in enumerate(names)] if numbered else list(names)
    axes.set_xticks(range(count), across, fontsize=letters, rotation=0 if numbered else 90)
    axes.set_yticks(range(count), down, fontsize=letters)
    axes.set_xlabel("predicted", color=FAINT)
    axes.set_ylabel("true", color=FAINT)
    axes.set_title(title, fontsize=13, color=INK, loc="left")
    if count <= 30:
        for row, column in zip(*np.nonzero(share >= 0.5), strict=True):
            value, colour = share[row, column], "white" if share[row, column] > 55 else INK
            axes.text(
                column, row, f"{value:.0f}", ha="center", va="center", fontsize=letters * 0.9, color=colour
            )
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    return png(figure, trimmed=True)


@dataclass(frozen=True, slots=True, repr=False)
class Curve(ShownByShape):
    """Loss and accuracy of one training run, epoch by epoch."""

    phase: str
    """`pretrain` or `train`: phases get panels of their own."""
    method: str
    seed: int
    epochs: NDArray[np.int64]
    """(E,) epoch numbers, counted from 0."""
    train_loss: NDArray[np.float64]
    """(E,) mean training loss."""
    val_accuracy: NDArray[np.float64]
    """(E,) in per cent; NaN where no clips were held out."""


def runs_of(
    phase: Sequence[str],
    method: Sequence[str],
    seed: Sequence[int],
    epoch: Sequence[int],
    train_loss: Sequence[float],
    val_accuracy: Sequence[float],
) -> tuple[Curve, ...]:
    """Split the columns of curves.csv into one `Curve` for each phase, method and seed; epochs sorted."""
    rows: dict[tuple[str, str, int], list[tuple[int, float, float]]] = {}
    for name, *numbers in zip(
        zip(phase, method, seed, strict=True), epoch, train_loss, val_accuracy, strict=True
    ):
        rows.setdefault(name, []).append((int(numbers[0]), float(numbers[1]), float(numbers[2])))
    tables = {
        name: np.array(sorted(lines, key=lambda line: line[0])).T for name, lines in sorted(rows.items())
    }
    return tuple(
        Curve(*name, table[0].astype(np.int64), table[1], table[2]) for name, table in tables.items()
    )


def curves(runs: Sequence[Curve]) -> bytes:
    """Draw loss (left) and held-out accuracy (right): a row for each phase, a colour a method, a line a seed."""
    phases = sorted({run.phase for run in runs})
    figure = Figure(figsize=(9.6, 2.9 * max(len(phases), 1)), layout="constrained")
    grid = figure.subplots(max(len(phases), 1), 2, squeeze=False)
    for (loss, accuracy), phase in zip(grid, phases, strict=True):
        chosen = [run for run in runs if run.phase == phase]
        methods = sorted({run.method for run in chosen})
        for run in chosen:
            look = {
                "color": COLOURS[methods.index(run.method) % len(COLOURS)],
                "linewidth": 1.3,
                "alpha": 0.85,
            }
            marker = "o" if len(run.epochs) == 1 else None
            loss.plot(run.epochs, run.train_loss, marker=marker, **look)
            accuracy.plot(run.epochs, run.val_accuracy, marker=marker, **look)
        for axes, name in ((loss, "training loss"), (accuracy, "held-out accuracy, %")):
            axes.set_title(f"{phase}: {name}", fontsize=10, color=INK, loc="left")
            axes.set_xlabel("epoch", color=FAINT, fontsize=9)
            axes.xaxis.set_major_locator(MaxNLocator(integer=True))
            _plain(axes, "y")
        accuracy.set_ylim(bottom=0, top=max(1.0, accuracy.get_ylim()[1]))
        if all(np.isnan(run.val_accuracy).all() for run in chosen):
            _text(accuracy, "nothing held out: all of the training part")
        handles = [
            Line2D([], [], color=COLOURS[i % len(COLOURS)], label=name) for i, name in enumerate(methods)
        ]
        accuracy.legend(
            handles=handles, fontsize=8, frameon=False, loc="center left", bbox_to_anchor=(1.0, 0.5)
        )
    return png(figure)


def _text(axes: Axes, text: str) -> None:
    """Text where there is nothing to draw."""
    axes.set_axis_off()
    axes.text(0.5, 0.5, text, transform=axes.transAxes, ha="center", color=FAINT, fontsize=9)


def feature_map(
    panels: Sequence[tuple[str, Mapped]], labels: NDArray[np.int64], names: Sequence[str]
) -> bytes:
    """Draw t-SNE of N clips by several features side by side, a colour and shape a class (AMFI-Net, Fig. 8)."""
    longest = max(len(name) for name in names) + 4
    columns = max(1, min(2 * len(panels), LEGEND_LETTERS * len(panels) // longest))
    rows = -(-min(len(names), 60) // columns)
    figure = Figure(figsize=(4.0 * len(panels), 4.3 + 0.2 * rows), layout="constrained")
    grid = figure.subplots(1, len(panels), squeeze=False)[0]
    for axes, (name, found) in zip(grid, panels, strict=True):
        if found.tsne is None:
            _text(axes, found.lacking)
        else:
            _scatter(axes, found.tsne, labels, len(names))
        axes.set_title(name, fontsize=11, color=INK)
    if len(names) <= 60:
        handles = [
            Line2D([], [], linestyle="", **_mark(k, len(names)), label=name) for k, name in enumerate(names)
        ]
        figure.legend(handles=handles, loc="outside lower center", ncols=columns, fontsize=9, frameon=False)
    return png(figure)


def _scatter(axes: Axes, points: NDArray[np.float32], labels: NDArray[np.int64], classes: int) -> None:
    for label in np.unique(labels):
        mine = points[labels == label]
        axes.plot(mine[:, 0], mine[:, 1], linestyle="", alpha=0.85, **_mark(int(label), classes))
    axes.set_xticks([])
    axes.set_yticks([])
    axes.spines[:].set_color(GRID)


def _mark(label: int, classes: int) -> dict[str, Any]:
    """Colours go round first, then shapes; more than 64 classes share a wheel of hues."""
    if classes <= len(COLOURS) * len(MARKERS):
        colour = COLOURS[label % len(COLOURS)]
        return {
            "color": colour,
            "marker": MARKERS[label // len(COLOURS)],
            "markersize": 4.4,
            "markeredgewidth": 0,
        }
    return {
        "color": colormaps["hsv"](label / classes),
        "marker": "o",
        "markersize": 3.6,
        "markeredgewidth": 0,
    }


def _plain(axes: Axes, grid: Literal["x", "y"]) -> None:
    axes.grid(axis=grid, color=GRID, zorder=0)
    axes.set_axisbelow(True)
    axes.spines[["top", "right", "left" if grid == "x" else "bottom"]].set_visible(False)
    axes.spines[:].set_color(GRID)
    axes.tick_params(length=0, labelcolor=INK)
    axes.xaxis.label.set_color(FAINT)
