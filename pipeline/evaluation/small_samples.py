"""Small-sample curves: accuracy of heads fitted on few clips of each class, as metrics.json has it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.evaluation.bootstrap import Resampling, accuracy_intervals
from pipeline.evaluation.late_fusion import Scores
from pipeline.evaluation.metrics import summarise

KEY = "small_samples"
"""Key in metrics.json."""


@dataclass(frozen=True, slots=True)
class SmallSample:
    """One method's accuracy with so many training clips of each class, in per cent of the test clips."""

    clips_per_class: int
    mean: float
    std: float | None
    """Sample standard deviation over seeds, each of which draws other clips; None for a single one."""
    interval: tuple[float, float]
    """95 % interval over test clips."""


def small_samples(
    labels: NDArray[np.int64],
    found: Sequence[tuple[int, Scores]],
    resampling: Resampling | None = None,
) -> dict[str, Any]:
    """Return what metrics.json has of small samples, under KEY: a list for each method; nothing where none were drawn.

    `labels` is (N,); `found` are the scores of these N clips, and the clips of each class that were fitted.
    """
    right: dict[tuple[str, int], list[NDArray[np.bool_]]] = {}
    for count, one in found:
        correct = one.probabilities.argmax(axis=1) == labels
        right.setdefault((one.method, count), []).append(correct)
    if not right:
        return {}
    shares = {name: 100.0 * np.stack(of_seeds) for name, of_seeds in right.items()}
    columns = np.stack([of_seeds.mean(axis=0) for of_seeds in shares.values()], axis=1)
    edges = accuracy_intervals(columns, resampling or Resampling())
    methods: dict[str, list[dict[str, Any]]] = {}
    for ((method, count), of_seeds), span in zip(shares.items(), edges, strict=True):
        by_seed = of_seeds.mean(axis=1)
        entry = {
            "clips_per_class": count,
            **summarise(by_seed),
            "by_seed": by_seed.round(4).tolist(),
            "interval": [round(float(edge), 4) for edge in span],
        }
        methods.setdefault(method, []).append(entry)
    return {KEY: methods}


def read_small_samples(document: Mapping[str, Any]) -> dict[str, tuple[SmallSample, ...]]:
    """Return each method's curve from metrics.json, by rising number of clips; empty where there are none."""
    return {
        method: tuple(
            SmallSample(
                entry["clips_per_class"],
                entry["mean"],
                entry["std"],
                (entry["interval"][0], entry["interval"][1]),
            )
            for entry in sorted(entries, key=lambda entry: int(entry["clips_per_class"]))
        )
        for method, entries in document.get(KEY, {}).items()
    }
