"""Two methods, of one run or of two, on the clips that both have: McNemar's test and a paired interval."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pipeline.errors import DatasetError
from pipeline.evaluation.bootstrap import Resampling, intervals
from pipeline.evaluation.metrics import Difference
from pipeline.evaluation.predictions import Predictions
from pipeline.evaluation.results import main_method, read_predictions

Bools = NDArray[np.bool_]

FILE = "predictions.parquet"


@dataclass(frozen=True, slots=True)
class McNemar:
    """Clips that one of two classifiers has right and the other wrong, and how likely such a split is by chance."""

    first_only: int
    """Number of clips that only the first classifies correctly."""
    second_only: int
    """Number of clips that only the second does."""
    p: float
    """Two-sided p-value of the exact test (McNemar 1947): both are equally often right alone."""


def mcnemar(first: Bools, second: Bools) -> McNemar:
    """Test whether two classifiers err equally often, from which of the same N clips each has right: (N,) each."""
    from scipy.stats import binomtest  # takes half a second to import

    alone, other = int((first & ~second).sum()), int((second & ~first).sum())
    p = float(binomtest(alone, alone + other).pvalue) if alone + other else 1.0
    return McNemar(alone, other, p)


@dataclass(frozen=True, slots=True)
class Side:
    """One method of one run."""

    name: str
    """Dataset or folder, and method."""
    method: str
    predictions: Predictions

    def correct(self, ids: Sequence[str]) -> Bools:
        """Return (S, N): which of `ids` each seed classifies correctly, seeds in rising order."""
        place = {clip_id: number for number, clip_id in enumerate(self.predictions.clip_ids)}
        return self.predictions.correct(self.method)[:, [place[clip_id] for clip_id in ids]]


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two methods on the same clips."""

    difference: Difference
    """First minus second, in percentage points, correctness averaged over each one's seeds."""
    accuracies: tuple[float, float]
    """Per cent, mean over seeds."""
    clips: int
    """Number of clips that both have."""
    not_shared: tuple[int, int]
    """Number of clips that only the first, or only the second, has; they are left out."""
    tests: tuple[McNemar, ...]
    """One for each pair of seeds, in rising order; the longer list's last seeds have no partner."""

    def __str__(self) -> str:
        low, high = self.difference.interval
        lines = [
            f"{self.difference.method} against {self.difference.than}, {self.clips:,} clips that both have",
            f"  accuracy {self.accuracies[0]:.1f} and {self.accuracies[1]:.1f} %, difference "
            f"{self.difference.mean:+.1f} [{low:+.1f}, {high:+.1f}]",
        ]
        if any(self.not_shared):
            alone = " and ".join(f"{count:,}" for count in self.not_shared)
            lines.insert(1, f"  left out: {alone} clips that only the first and only the second have")
        for number, test in enumerate(self.tests):
            lines.append(
                f"  McNemar, seeds in order, {number + 1}: only the first is right on {test.first_only:,} clips, "
                f"only the second on {test.second_only:,}, p = {test.p:.2g}"
            )
        return "\n".join(lines)


def side_of(reports: Path, asked: str) -> Side:
    """Read the run and method that `asked` names: a dataset, or a folder of reports, with `:method` behind it.

    `reports` is the project's folder of reports. Without a method it is the run's fusion, or its one modality.
    Raises DatasetError where there is no such run or method.
    """
    where, _, method = asked.partition(":")
    folder = next((folder for folder in (reports / where, Path(where)) if (folder / FILE).exists()), None)
    if folder is None:
        raise DatasetError(
            f"neither {reports / where} nor {where} holds {FILE}; name a dataset whose `train` has run, or a folder "
            "of reports"
        )
    predictions = read_predictions(folder / FILE)
    chosen = method or main_method(predictions)
    if chosen not in predictions.methods:
        raise DatasetError(
            f"{folder / FILE} has no method {chosen!r}; it has {', '.join(predictions.methods)}"
        )
    return Side(f"{where}:{chosen}", chosen, predictions)


def compare(first: Side, second: Side, resampling: Resampling | None = None) -> Comparison:
    """Compare two methods on the clips that both have.

    Raises DatasetError where they share no clip, or one has another label than the other for a clip.
    """
    labels = [
        dict(zip(s.predictions.clip_ids, s.predictions.labels.tolist(), strict=True)) for s in (first, second)
    ]
    ids = sorted(labels[0].keys() & labels[1].keys())
    if not ids:
        raise DatasetError(
            f"{first.name} and {second.name} have no test clip in common: nothing can be compared"
        )
    other = [clip_id for clip_id in ids if labels[0][clip_id] != labels[1][clip_id]]
    if other:
        raise DatasetError(
            f"clip {other[0]!r} has label {labels[0][other[0]]} in {first.name} and {labels[1][other[0]]} in "
            f"{second.name}, and so {len(other) - 1} more: these runs have other classes, or another order of them"
        )
    right = [side.correct(ids) for side in (first, second)]
    means = [100.0 * one.mean(axis=0) for one in right]
    change = means[0] - means[1]
    low, high = intervals(change[:, None], resampling or Resampling())[0]
    return Comparison(
        Difference(first.name, second.name, float(change.mean()), (float(low), float(high))),
        (float(means[0].mean()), float(means[1].mean())),
        len(ids),
        (len(labels[0]) - len(ids), len(labels[1]) - len(ids)),
        tuple(mcnemar(one, two) for one, two in zip(*right, strict=False)),
    )
