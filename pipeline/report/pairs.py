"""Every method of a run against every other, on the same clips."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipeline.evaluation.bootstrap import Resampling, resampled_means
from pipeline.evaluation.predictions import Predictions
from pipeline.shown import ShownByShape

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, repr=False)
class Pairs(ShownByShape):
    """Paired differences of M methods' accuracies, row minus column, in percentage points; antisymmetric."""

    methods: tuple[str, ...]
    mean: Floats
    """(M, M) differences."""
    low: Floats
    """(M, M) lower edges of the 95 % intervals."""
    high: Floats
    """(M, M) upper edges."""


def paired_differences(predictions: Predictions, how: Resampling | None = None) -> Pairs:
    """Compare all methods: clips are resampled, the same ones for both, correctness averaged over seeds."""
    how = how or Resampling()
    right = np.stack([100.0 * predictions.correct(name).mean(axis=0) for name in predictions.methods], axis=1)
    means, drawn = right.mean(axis=0), resampled_means(right, how)
    tail = 100 * (1 - how.level) / 2
    count = len(means)
    low, high = np.zeros((count, count)), np.zeros((count, count))
    for row in range(count):
        low[row], high[row] = np.percentile(drawn[:, [row]] - drawn, [tail, 100 - tail], axis=0)
    return Pairs(predictions.methods, means[:, None] - means, low, high)
