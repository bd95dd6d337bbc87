"""Figures of class probabilities: top-5 accuracy, and how far confidence is from accuracy."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.evaluation.late_fusion import Scores
from pipeline.shown import ShownByShape

Floats = NDArray[np.float64]

BINS = 15
"""Number of bins of equal width of the calibration error, as Guo et al. have it (ICML 2017)."""

TOP = 5
"""The true class among so many counts for `top5`, which is left out where a dataset has no more classes."""

COLUMNS = ("confidence", "accuracy", "share")
"""Names in metrics.json of the columns of a calibration, in the order of its fields."""


def top_k_accuracy(labels: NDArray[np.int64], probabilities: Floats, k: int) -> float:
    """Return the share of clips whose true class is among the k likeliest, in per cent; the lower class wins a tie.

    `labels` is (N,), `probabilities` (N, K).
    """
    order = np.argsort(-probabilities, axis=1, kind="stable")[:, :k]
    return 100 * float((order == labels[:, None]).any(axis=1).mean())


@dataclass(frozen=True, slots=True, repr=False)
class Calibration(ShownByShape):
    """Confidence beside accuracy, by bins of confidence from low to high; empty bins are left out."""

    confidence: Floats
    """(B,) mean probability of the predicted class, in per cent."""
    accuracy: Floats
    """(B,) share of clips that are classified right, in per cent."""
    share: Floats
    """(B,) share of all clips that lie in the bin; they add up to 1."""

    @property
    def error(self) -> float:
        """Expected calibration error in percentage points (Guo et al., ICML 2017, eq. 3)."""
        return float((self.share * np.abs(self.confidence - self.accuracy)).sum())


def calibration(labels: NDArray[np.int64], probabilities: Floats, *, bins: int = BINS) -> Calibration:
    """Bin clips by the probability of their predicted class; bin b holds confidences in (b/bins, (b + 1)/bins].

    `labels` is (N,), `probabilities` (N, K) in [0, 1].
    """
    confidence = probabilities.max(axis=1)
    right = probabilities.argmax(axis=1) == labels
    place = np.clip(np.ceil(confidence * bins).astype(np.int64) - 1, 0, bins - 1)
    counts = np.bincount(place, minlength=bins)
    filled = counts > 0
    means = [
        100 * np.bincount(place, weights=values, minlength=bins)[filled] / counts[filled]
        for values in (confidence, right.astype(np.float64))
    ]
    return Calibration(means[0], means[1], counts[filled] / len(labels))


def read_calibration(entry: Mapping[str, Any]) -> Calibration | None:
    """Read a method's calibration from its entry in metrics.json; None where it was written before there was one."""
    found = entry.get("calibration")
    return None if found is None else Calibration(*(np.array(found[name]) for name in COLUMNS))


def probability_figures(labels: NDArray[np.int64], scored: Sequence[Scores]) -> dict[str, dict[str, Any]]:
    """Return what metrics.json has of each method's probabilities: `top5`, its mean over seeds, and `calibration`.

    The bins of `calibration` count the clips of all seeds.
    """
    by_method: dict[str, list[Floats]] = {}
    for one in scored:
        by_method.setdefault(one.method, []).append(one.probabilities)
    return {method: _figures(labels, found) for method, found in by_method.items()}


def _figures(labels: NDArray[np.int64], found: Sequence[Floats]) -> dict[str, Any]:
    binned = calibration(np.tile(labels, len(found)), np.concatenate(found))
    several = found[0].shape[1] > TOP
    top = [top_k_accuracy(labels, probabilities, TOP) for probabilities in found]
    return {
        **({"top5": round(float(np.mean(top)), 4)} if several else {}),
        "calibration": {
            "error": round(binned.error, 4),
            **{name: getattr(binned, name).round(4).tolist() for name in COLUMNS},
        },
    }
