"""Cached features as the vectors that heads train on: one for the skeleton, one for the video."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from cache import Store
from pipeline.errors import DatasetError
from pipeline.rng import rng_for
from pipeline.shown import ShownByShape

if TYPE_CHECKING:
    from pipeline.params.params import HeadParams, PretrainParams

Floats = NDArray[np.float32]
Pair = tuple[Floats, Floats]
"""(N, skeleton dim) and (N, video dim) float32 vectors of the same clips."""


def features_there(store: Store) -> frozenset[str]:
    """Return the clips for which every backbone has features."""
    return frozenset(store.ids) - {failure["id"] for failure in store.failures}


@dataclass(frozen=True)
class Vectors:
    """The arrays of features.zarr that form a head's two inputs."""

    store: Store
    skeleton: tuple[str, ...]
    video: tuple[str, ...]

    def read(self, ids: Sequence[str]) -> Pair:
        """Return both vectors of `ids`: the mean over views, with several backbones concatenated."""
        return self._side(self.skeleton, ids), self._side(self.video, ids)

    def keys(self, ids: Sequence[str]) -> list[list[str]]:
        """Return the cache keys of the vectors of each of `ids`."""
        of_arrays = [self.store.keys(name) for name in (*self.skeleton, *self.video)]
        return [[clip_id, *(keys[clip_id] for keys in of_arrays)] for clip_id in ids]

    def _side(self, arrays: tuple[str, ...], ids: Sequence[str]) -> Floats:
        parts = [self.store.read(name, list(ids)).mean(axis=1, dtype=np.float32) for name in arrays]
        return np.concatenate(parts, axis=1)


def vectors_of(
    store: Store, heads: "HeadParams", pretrain: "PretrainParams", head_seed: int, *, selection: bool
) -> Vectors:
    """Choose the arrays for the head of `head_seed`: of the backbones with its seed, else of the first ones.

    Where one modality has no backbones, the other's are used on both sides: only single-modality heads are
    built
    then. `selection` asks for the features of the backbones that were not trained on the held-out clips.
    """
    paired = len(pretrain.seeds) == len(heads.seeds)
    seed = (
        pretrain.seeds[heads.seeds.index(head_seed)]
        if paired and not (selection and pretrain.refit)
        else pretrain.seeds[0]
    )
    tail = f"_{seed}_fold" if selection or not pretrain.refit else f"_{seed}"
    skeleton, video = heads.skeleton or heads.video, heads.video or heads.skeleton
    found = Vectors(store, tuple(n + tail for n in skeleton), tuple(n + tail for n in video))
    for name in (*found.skeleton, *found.video):
        if name not in store.arrays:
            raise DatasetError(
                f"{store.path} has no array {name!r}, which heads shall see; it has {sorted(store.arrays)}: run "
                "`pretrain` and `features` with the present params"
            )
    return found


@dataclass(frozen=True, repr=False)
class VectorBatches(ShownByShape):
    """Shuffled batches of vectors held in memory; those of epoch e depend only on the seed and on e."""

    pair: Pair
    labels: NDArray[np.int64]
    batch: int
    seed: int

    def __call__(self, epoch: int) -> Iterator[tuple[Pair, NDArray[np.int64]]]:
        """Yield every clip once."""
        order = rng_for("order", self.seed, epoch).permutation(len(self.labels))
        for part in np.array_split(order, -(-len(order) // self.batch)):
            yield (self.pair[0][part], self.pair[1][part]), self.labels[part]


def softmax(logits: NDArray[Any]) -> NDArray[np.float64]:
    """Convert logits (N, K) to probabilities (N, K)."""
    raised = np.exp(logits.astype(np.float64) - logits.max(axis=1, keepdims=True))
    return np.asarray(raised / raised.sum(axis=1, keepdims=True))
