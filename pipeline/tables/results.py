"""Numbers of a table: each row's accuracy, its paired difference from the reference row, and the paper's figure."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.evaluation.bootstrap import Resampling, spans
from pipeline.evaluation.late_fusion import SINGLE
from pipeline.evaluation.metrics import mean_class_accuracy, summarise
from pipeline.evaluation.predictions import Predictions
from pipeline.evaluation.results import FUSED
from pipeline.tables.spec import Row, Table


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """Test accuracy of one row, in per cent, over seeds; of a table `per_class` it is the mean over classes."""

    mean: float
    std: float | None
    """Sample standard deviation over seeds; None for a single one."""
    by_seed: tuple[float, ...]
    interval: tuple[float, float]
    """95 % interval over test clips."""
    difference: float | None
    """Points above the reference row on the same clips; None of the reference itself, or where it did not run."""
    difference_interval: tuple[float, float] | None
    """95 % interval of the paired difference over test clips."""
    mean_class: float
    """Mean over classes of each one's accuracy, and over seeds."""


def measured(
    predictions: Predictions, table: Table, rows: Sequence[Row], resampling: Resampling | None = None
) -> dict[str, Measured]:
    """Return the numbers of `rows` by label; differences are paired by clip, correctness averaged over seeds.

    `predictions` are those of `train`, which calls the method that params name as fused by that word.
    """
    names = {row.label: _name(predictions, row.method) for row in rows}
    weights = class_weights(predictions.labels) if table.per_class else np.ones(len(predictions.labels))
    right = {label: 100.0 * weights * predictions.correct(name).mean(axis=0) for label, name in names.items()}
    pairs = {row.label: table.against(row) for row in rows}
    gaps = {label: right[label] - right[other] for label, other in pairs.items() if other in right}
    how = resampling or Resampling()
    edges, between = spans(right, how, accuracies=True), spans(gaps, how, accuracies=False)
    return {
        label: Measured(
            **_accuracies(predictions, names[label], weights),
            interval=edges[label],
            difference=round(float(np.mean(gaps[label])), 4) if label in gaps else None,
            difference_interval=between.get(label),
        )
        for label in right
    }


def _name(predictions: Predictions, method: str) -> str:
    """What the predictions call a method: the fusion that params name is `fused` there."""
    return method if method in predictions.methods or method in SINGLE else FUSED


def class_weights(labels: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return a weight for each clip, of mean 1, under which the mean over clips is the mean over classes.

    Worked example: labels 0, 0, 0, 1 weigh 2/3, 2/3, 2/3 and 2.
    """
    _, of_class, sizes = np.unique(labels, return_inverse=True, return_counts=True)
    found: NDArray[np.float64] = len(labels) / (len(sizes) * sizes[of_class])
    return found


def _accuracies(predictions: Predictions, name: str, weights: NDArray[np.float64]) -> dict[str, Any]:
    correct = predictions.correct(name)
    accuracies = 100.0 * (weights * correct).mean(axis=1)
    of_classes = [mean_class_accuracy(predictions.labels, of_seed) for of_seed in correct]
    return {
        **summarise(accuracies),
        "by_seed": tuple(round(float(value), 4) for value in accuracies),
        "mean_class": round(float(np.mean(of_classes)), 4),
    }


def paper_difference(table: Table, row: Row, benchmark: str) -> float | None:
    """Return a row's printed figure minus that of the row it is compared with, in points; None where one lacks."""
    other = table.against(row)
    printed = {} if other is None else table.row(other).paper
    if benchmark not in row.paper or benchmark not in printed:
        return None
    return round(row.paper[benchmark] - printed[benchmark], 4)
