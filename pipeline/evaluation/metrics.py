"""What the predictions say: accuracies, confusions, intervals, and the document that becomes metrics.json.

Accuracies are in per cent.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.evaluation.bootstrap import Resampling, intervals
from pipeline.evaluation.predictions import Predictions

Ints = NDArray[np.int64]


CLIP_PARTS = ("train", "val", "test", "failed", "unused")
"""Together all clips; `unused` are those that the protocol leaves out."""


def accuracy(labels: Ints, predicted: Ints) -> float:
    """Share of clips that are right, in per cent."""
    return 100 * float(np.mean(labels == predicted))


def confusion_matrix(labels: Ints, predicted: Ints, num_classes: int) -> Ints:
    """(K, K): clips of true class (row) that were called class (column)."""
    cells = np.bincount(labels * num_classes + predicted, minlength=num_classes**2)
    return np.asarray(cells.reshape(num_classes, num_classes), dtype=np.int64)


def confusion_over_seeds(predictions: Predictions, method: str, num_classes: int) -> Ints:
    """(K, K): the seeds' confusion matrices, added."""
    seeds = predictions.predicted[method].values()
    matrices = np.stack([confusion_matrix(predictions.labels, said, num_classes) for said in seeds])
    return np.asarray(matrices.sum(axis=0))


def summarise(accuracies: NDArray[np.float64]) -> dict[str, Any]:
    """Mean and sample standard deviation over seeds; None where one seed leaves it unknown."""
    std = round(float(np.std(accuracies, ddof=1)), 4) if len(accuracies) > 1 else None
    return {"mean": round(float(np.mean(accuracies)), 4), "std": std}


@dataclass(frozen=True, slots=True)
class Roles:
    """Which methods the comparison speaks of."""

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
    """The whole of metrics.json.

    `clips` counts CLIP_PARTS. `facts` are added as they are (`selected_on`, notes).
    Intervals resample the test clips, correctness averaged over seeds; with `subjects` (of each clip id)
    whole subjects are drawn. "Best single" is the one with the higher test mean: chosen with hindsight,
    so to the disadvantage of fused.
    """
    roles, resampling = roles or Roles(), resampling or Resampling()
    clusters = None if subjects is None else np.array([subjects[clip] for clip in predictions.clip_ids])
    right = {name: 100.0 * predictions.correct(name).mean(axis=0) for name in predictions.methods}
    pairs = _pairs(right, roles)
    columns = np.stack([*right.values(), *(right[a] - right[b] for a, b in pairs.values())], axis=1)
    spans = [
        [round(float(edge), 4) for edge in span] for span in intervals(columns, resampling, clusters=clusters)
    ]
    methods = {name: _method(predictions, name, span) for name, span in zip(right, spans, strict=False)}
    differences = {
        name: {
            "of": list(pair),
            "mean": round(float(np.mean(right[pair[0]] - right[pair[1]])), 4),
            "interval": span,
        }
        for (name, pair), span in zip(pairs.items(), spans[len(right) :], strict=True)
    }
    return {
        "dataset": dataset,
        "protocol": protocol,
        "seeds": sorted({seed for seeds in predictions.predicted.values() for seed in seeds}),
        "clips": {name: int(clips[name]) for name in CLIP_PARTS},
        **methods,
        **differences,
        "resampling": {
            "count": resampling.count,
            "level": resampling.level,
            "seed": resampling.seed,
            "drawn": "clips" if subjects is None else "subjects",
        },
        **(facts or {}),
    }


@dataclass(frozen=True, slots=True)
class Score:
    """One method's line in a table: per cent on the test split."""

    method: str
    mean: float
    std: float | None
    interval: tuple[float, float]
    by_seed: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True)
class Difference:
    """By how many points one method is ahead of another on the same clips."""

    method: str
    than: str
    mean: float
    interval: tuple[float, float]


def scores(document: Mapping[str, Any]) -> tuple[Score, ...]:
    """Every method of metrics.json, in its order."""
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
        )
        for name, entry in found
    )


def differences(document: Mapping[str, Any]) -> tuple[Difference, ...]:
    """Every paired difference of metrics.json, in its order."""
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
    return {**summarise(accuracies), "interval": span, "by_seed": by_seed}
