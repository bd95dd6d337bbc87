"""Accuracy of each class by itself, with Wilson's interval."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipeline.evaluation.bootstrap import wilson
from pipeline.evaluation.predictions import Predictions
from pipeline.shown import ShownByShape

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, repr=False)
class ClassAccuracies(ShownByShape):
    """Accuracies of K classes in per cent, averaged over seeds; NaN where a class has no test clip."""

    mean: Floats
    """(K,) share of the class's clips that are classified right."""
    low: Floats
    """(K,) lower edge of the 95 % interval."""
    high: Floats
    """(K,) upper edge of the 95 % interval."""


def class_accuracies(predictions: Predictions, method: str, num_classes: int) -> ClassAccuracies:
    """Compute each class's accuracy by `method`; the interval is over the class's clips, not over seeds."""
    right = predictions.correct(method).mean(axis=0)
    counts = class_counts(predictions, num_classes)
    sums = np.bincount(predictions.labels, weights=right, minlength=num_classes)
    share = np.divide(sums, counts, out=np.full(num_classes, np.nan), where=counts > 0)
    low, high = wilson(share, counts)
    return ClassAccuracies(100 * share, 100 * low, 100 * high)


def class_counts(predictions: Predictions, num_classes: int) -> NDArray[np.int64]:
    """Count the test clips of each class: (K,)."""
    return np.asarray(np.bincount(predictions.labels, minlength=num_classes), np.int64)
