"""Metrics of the predictions: accuracies, confusions, intervals, and the document that becomes metrics.json.

Accuracies are in per cent.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.evaluation.bootstrap import Resampling, spans
from pipeline.evaluation.calibration import Calibration, read_calibration
from pipeline.evaluation.predictions import Predictions

Ints = NDArray[np.int64]


CLIP_PARTS = ("train", "val", "test", "failed", "unused")
"""Names of the parts of a dataset that add up to all clips; `unused` are those that the protocol leaves out."""


def accuracy(labels: Ints, predicted: Ints) -> float:
    """Return the share of correctly classified clips, in per cent."""
    return 100 * float(np.mean(labels == predicted))


def mean_class_accuracy(labels: Ints, correct: NDArray[np.bool_]) -> float:
    """Return the mean over the classes that `labels` hold of each one's share of `correct`, in per cent.

    Toyota Smarthome is reported so. Example: 3 of 3 clips of one class and 0 of 1 of another are 50, not 75.
    """
    return 100 * float(np.mean([correct[labels == label].mean() for label in np.unique(labels)]))


def confusion_matrix(labels: Ints, predicted: Ints, num_classes: int) -> Ints:
    """Count clips by true class (row) and predicted class (column): (K, K)."""
    cells = np.bincount(labels * num_classes + predicted, minlength=num_classes**2)
    return np.asarray(cells.reshape(num_classes, num_classes), dtype=np.int64)


def confusion_over_seeds(predictions: Predictions, method: str, num_classes: int) -> Ints:
    """Sum the confusion matrices of all seeds of a method: (K, K)."""
    seeds = predictions.predicted[method].values()
    matrices = np.stack([confusion_matrix(predictions.labels, predicted, num_classes) for predicted in seeds])
    return np.asarray(matrices.sum(axis=0))


def summarise(accuracies: NDArray[np.float64]) -> dict[str, Any]:
    """Return mean and sample standard deviation over seeds; the latter is None for a single seed."""
    std = round(float(np.std(accuracies, ddof=1)), 4) if len(accuracies) > 1 else None
    return {"mean": round(float(np.mean(accuracies)), 4), "std": std}


@dataclass(frozen=True, slots=True)
class Roles:
    """The methods that are compared: the fusion, the single modalities and the baselines."""

    single: tuple[str, ...] = ("video", "skeleton")
    fused: str = "fused"
    control: str = "concatenation"


def metrics_document(
    predictions: Predictions,
    *,
    dataset: str,
    protocol: str,
    clips: Mapping[str, int],
    facts: Mapping[str, Any] | None = None,
    roles: Roles | None = None,
    resampling: Resampling | None = None,
    subjects: Mapping[str, int] | None = None,
) -> dict[str, Any]:
    """Build the whole of metrics.json.

    `clips` counts CLIP_PARTS. `facts` are added as they are (`selected_on`, notes).
    Intervals resample the test clips, correctness averaged over seeds; with `subjects` (by clip id)
    whole subjects are resampled. "Best single" is the one with the higher test mean: chosen with hindsight,
    so to the disadvantage of fused.
    """
    resampling = resampling or Resampling()
    clusters = None if subjects is None else np.array([subjects[clip] for clip in predictions.clip_ids])
    return {
        "dataset": dataset,
        "protocol": protocol,
        "seeds": sorted({seed for seeds in predictions.predicted.values() for seed in seeds}),
        "clips": {name: int(clips[name]) for name in CLIP_PARTS},
        **_measured(predictions, roles or Roles(), resampling, clusters),
        "resampling": {
            "count": resampling.count,
            "level": resampling.level,
            "seed": resampling.seed,
            "drawn": "clips" if subjects is None else "subjects",
        },
        **(facts or {}),
    }


def _measured(
    predictions: Predictions, roles: Roles, resampling: Resampling, clusters: NDArray[Any] | None
) -> dict[str, Any]:
    """Every method's accuracies, then every paired difference, with intervals from the same resamples."""
    right = {name: 100.0 * predictions.correct(name).mean(axis=0) for name in predictions.methods}
    pairs = _pairs(right, roles)
    gaps = {name: right[a] - right[b] for name, (a, b) in pairs.items()}
    edges = spans(right, resampling, clusters=clusters, accuracies=True)
    between = spans(gaps, resampling, clusters=clusters, accuracies=False)
    methods = {name: _method(predictions, name, [*edges[name]]) for name in right}
    differences = {
        name: {"of": list(pair), "mean": round(float(np.mean(gaps[name])), 4), "interval": [*between[name]]}
        for name, pair in pairs.items()
    }
    return methods | differences


@dataclass(frozen=True, slots=True)
class Score:
    """One method's line in a table: per cent on the test split."""

    method: str
    mean: float
    std: float | None
    interval: tuple[float, float]
    by_seed: tuple[float, ...] = ()
    mean_class: float | None = None
    """Mean over classes of each one's accuracy, in per cent; None in files of before."""
    top5: float | None = None
    """Per cent of clips whose true class is among the five likeliest; None where there are no more classes."""
    calibration: Calibration | None = None
    """Confidence beside accuracy; None in files of before."""


@dataclass(frozen=True, slots=True)
class Difference:
    """Paired difference of two methods' accuracies on the same clips, in percentage points."""

    method: str
    than: str
    mean: float
    interval: tuple[float, float]


def scores(document: Mapping[str, Any]) -> tuple[Score, ...]:
    """Read every method's scores from metrics.json, in its order."""
    found = [
        (name, entry) for name, entry in document.items() if isinstance(entry, dict) and "by_seed" in entry
    ]
    return tuple(
        Score(
            name,
            entry["mean"],
            entry["std"],
            (entry["interval"][0], entry["interval"][1]),
            tuple(entry["by_seed"]),
            entry.get("mean_class", {}).get("mean"),
            entry.get("top5"),
            read_calibration(entry),
        )
        for name, entry in found
    )


def differences(document: Mapping[str, Any]) -> tuple[Difference, ...]:
    """Read every paired difference from metrics.json, in its order."""
    found = [entry for entry in document.values() if isinstance(entry, dict) and "of" in entry]
    return tuple(
        Difference(
            entry["of"][0], entry["of"][1], entry["mean"], (entry["interval"][0], entry["interval"][1])
        )
        for entry in found
    )


def _pairs(right: Mapping[str, NDArray[np.float64]], roles: Roles) -> dict[str, tuple[str, str]]:
    """Which differences are stated: those whose two methods are there."""
    single = [name for name in roles.single if name in right]
    pairs = {}
    if roles.fused in right and single:
        best = max(single, key=lambda name: float(right[name].mean()))
        pairs[f"{roles.fused}_minus_best_single"] = (roles.fused, best)
    if roles.fused in right and roles.control in right:
        pairs[f"{roles.fused}_minus_{roles.control}"] = (roles.fused, roles.control)
    return pairs


def _method(predictions: Predictions, name: str, span: list[float]) -> dict[str, Any]:
    accuracies = 100.0 * predictions.correct(name).mean(axis=1)
    by_seed = [round(float(value), 4) for value in accuracies]
    of_classes = [mean_class_accuracy(predictions.labels, correct) for correct in predictions.correct(name)]
    mean_class = summarise(np.array(of_classes))
    return {**summarise(accuracies), "interval": span, "by_seed": by_seed, "mean_class": mean_class}
