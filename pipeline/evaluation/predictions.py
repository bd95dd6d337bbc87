"""The predictions of all methods for the test clips; methods and seeds are joined by clip id, never by order."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipeline.errors import RunError
from pipeline.shown import ShownByShape

Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True, repr=False)
class Predictions(ShownByShape):
    """Predicted classes of every method and seed for the same N clips."""

    clip_ids: tuple[str, ...]
    """N clip ids, sorted."""
    labels: Ints
    """(N,): the true classes."""
    predicted: Mapping[str, Mapping[int, Ints]]
    """Predictions by method and seed: method → seed → (N,) class indices."""

    def __post_init__(self) -> None:
        if not self.clip_ids or not self.predicted:
            raise RunError("predictions need at least one clip and one method")
        if list(self.clip_ids) != sorted(set(self.clip_ids)):
            raise RunError("clip_ids must be sorted and each stand there once")
        arrays = [("labels", self.labels)]
        arrays += [
            (f"{m}, seed {s}", values) for m, seeds in self.predicted.items() for s, values in seeds.items()
        ]
        for name, array in arrays:
            if array.shape != (len(self.clip_ids),):
                raise RunError(
                    f"{name}: expected one class for each of {len(self.clip_ids)} clips, got {array.shape}"
                )

    @property
    def methods(self) -> tuple[str, ...]:
        """Names of the methods, in the order in which they were given."""
        return tuple(self.predicted)

    def correct(self, method: str) -> NDArray[np.bool_]:
        """Return (S, N): which clips each seed classified correctly, seeds in rising order."""
        seeds = self.predicted[method]
        return np.stack([seeds[seed] == self.labels for seed in sorted(seeds)])


def join(
    clip_id: Sequence[str],
    label: Sequence[int],
    method: Sequence[str],
    seed: Sequence[int],
    predicted: Sequence[int],
) -> Predictions:
    """Join the columns of predictions.parquet by clip id.

    Raises an error where a method or seed has other clips than the rest, one clip twice, or another label.
    """
    labels: dict[str, int] = {}
    by_method: dict[str, dict[int, dict[str, int]]] = {}
    for clip, truth, name, number, answer in zip(clip_id, label, method, seed, predicted, strict=True):
        answers = by_method.setdefault(str(name), {}).setdefault(int(number), {})
        if clip in answers:
            raise RunError(f"{name}, seed {number}: two predictions for clip {clip!r}")
        if labels.setdefault(str(clip), int(truth)) != int(truth):
            raise RunError(
                f"{name}, seed {number}: clip {clip!r} has label {truth}, elsewhere {labels[clip]}"
            )
        answers[str(clip)] = int(answer)
    ids = sorted(labels)
    _refuse_other_clips(by_method, labels)
    columns = {
        name: {
            number: np.array([answers[clip] for clip in ids], np.int64) for number, answers in seeds.items()
        }
        for name, seeds in by_method.items()
    }
    return Predictions(tuple(ids), np.array([labels[clip] for clip in ids], np.int64), columns)


def _refuse_other_clips(
    by_method: Mapping[str, Mapping[int, Mapping[str, int]]], labels: Mapping[str, int]
) -> None:
    for name, seeds in by_method.items():
        for number, answers in seeds.items():
            missing = sorted(set(labels) - set(answers))
            if missing:
                raise RunError(
                    f"{name}, seed {number}: {len(missing)} of {len(labels)} clips have no prediction, the "
                    f"first {missing[0]!r}; methods compare on the same clips only: run `train` again"
                )


def telling_clips(
    predictions: Predictions, *, fused: str = "fused", count: int = 12, seed: int = 0
) -> tuple[str, ...]:
    """Choose clips to show, sorted: a third where the fusion errs, a third where it is right and another is not.

    Drawn at random from each kind; "right" and "wrong" are those of the lowest seed. Where a kind has too
    few,
    others take their place.
    """
    right = np.stack([predictions.correct(name)[0] for name in predictions.methods])
    ahead = right[predictions.methods.index(fused)] if fused in predictions.methods else right[0]
    rng = np.random.default_rng(seed)
    shuffled = rng.permutation(len(ahead))
    wrong, alone = ~ahead, ahead & (right.sum(axis=0) < len(right))
    third = count // 3
    first = [index for kind in (wrong, alone) for index in shuffled[kind[shuffled]][:third].tolist()]
    rest = [index for index in shuffled.tolist() if index not in first]
    return tuple(predictions.clip_ids[index] for index in sorted((first + rest)[:count]))
