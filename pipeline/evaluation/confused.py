"""The pairs of classes that are taken for one another most often, before fusion and after it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.evaluation.metrics import Difference, confusion_over_seeds
from pipeline.evaluation.predictions import Predictions

PAIRS = 10
"""Number of pairs that metrics.json and the report list."""


@dataclass(frozen=True, slots=True)
class ConfusedPair:
    """Two classes, and how many of their clips each method takes for the other, in per cent."""

    classes: tuple[str, str]
    before: float
    """Per cent of the clips of both classes, over all seeds, that the first method takes for the other class."""
    after: float
    """The same of the second method."""


def confused_pairs(
    predictions: Predictions, before: str, after: str, classes: Sequence[str], *, count: int = PAIRS
) -> tuple[ConfusedPair, ...]:
    """Return the pairs that `before` confuses most, most confused first.

    `before` and `after` are methods of `predictions`, `classes` the names of all K classes. Pairs that neither
    method confuses are left out; among equals those that `after` confuses more come first.
    """
    shares = [_shares(predictions, method, len(classes)) for method in (before, after)]
    one, other = np.triu_indices(len(classes), k=1)
    first, second = (share[one, other] for share in shares)
    order = np.lexsort((other, one, -second, -first))[:count]
    return tuple(
        ConfusedPair((classes[one[place]], classes[other[place]]), float(first[place]), float(second[place]))
        for place in order.tolist()
        if first[place] > 0 or second[place] > 0
    )


def confused_document(
    predictions: Predictions, compared: Sequence[Difference], classes: Sequence[str]
) -> dict[str, Any]:
    """Return what metrics.json has of confused pairs: of the best single modality and the fusion.

    `compared` are the differences of metrics.json, the first of which names the two; without one, nothing is returned.
    """
    if not compared:
        return {}
    before, after = compared[0].than, compared[0].method
    pairs = [
        {"classes": list(pair.classes), "before": round(pair.before, 4), "after": round(pair.after, 4)}
        for pair in confused_pairs(predictions, before, after, classes)
    ]
    return {"confused_pairs": {"before": before, "after": after, "pairs": pairs}}


@dataclass(frozen=True, slots=True)
class Confusions:
    """Confused pairs of two methods."""

    before: str = ""
    after: str = ""
    pairs: tuple[ConfusedPair, ...] = ()


def read_confused(document: Mapping[str, Any]) -> Confusions:
    """Read the pairs of metrics.json, in its order; none of a file that has no fusion, or was written before."""
    listed = document.get("confused_pairs")
    if listed is None:
        return Confusions()
    pairs = tuple(
        ConfusedPair((entry["classes"][0], entry["classes"][1]), entry["before"], entry["after"])
        for entry in listed["pairs"]
    )
    return Confusions(listed["before"], listed["after"], pairs)


def _shares(predictions: Predictions, method: str, num_classes: int) -> NDArray[np.float64]:
    """(K, K), symmetric: per cent of the clips of two classes that are taken for the other."""
    matrix = confusion_over_seeds(predictions, method, num_classes)
    clips = matrix.sum(axis=1)
    both = np.maximum(clips[:, None] + clips[None, :], 1)
    return np.asarray(100 * (matrix + matrix.T) / both)
