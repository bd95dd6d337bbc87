"""Vectors of clips from networks that did not see them: what a head learns from where `cross_fit` is asked for."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from cache import Cache, Store, key_of
from pipeline.arrays.cut_arrays import LOGITS, cut_array
from pipeline.build.pinned import Pinned
from pipeline.build.steps import TRAIN
from pipeline.errors import DatasetError
from pipeline.inputs.alignment import Alignment, procrustes
from pipeline.paths import Paths
from pipeline.training.cached_training import cached_training
from pipeline.training.folds import fitted_clips
from pipeline.training.trainings import without

if TYPE_CHECKING:
    from pipeline.params.params import Preset

Floats = NDArray[np.float32]

_FILE = "alignment.npy"


def features_there(store: Store) -> frozenset[str]:
    """Return the clips for which every backbone has features."""
    return frozenset(store.ids) - {failure["id"] for failure in store.failures}


def view_means(store: Store, array: str, ids: Sequence[str]) -> Floats:
    """Return the mean over views of each clip's vector: (N, C) float32."""
    means: Floats = store.read(array, list(ids)).mean(axis=1, dtype=np.float32)
    return means


@dataclass(frozen=True)
class OutOfFold:
    """One cut of one network; of a clip that it was fitted to, that of the one trained without the clip's part."""

    store: Store
    array: str
    unseen: Mapping[str, str]
    """Clip that the network was fitted to, to the array of the network that was not."""
    aligned_on: Mapping[str, tuple[str, ...]]
    """Array of a network trained without a part, to the clips that both were fitted to; empty where nothing is aligned.
    """
    cache: Cache
    inputs: Pinned
    """Inputs of the training: no alignment of a replaced store is kept."""
    _alignments: dict[str, Alignment] = field(default_factory=dict, compare=False, repr=False)

    def read(self, ids: Sequence[str]) -> Floats:
        """Return (N, C) vectors, all in the basis of the network that saw every part: means over views."""
        return self._gathered(ids, lambda array, some: view_means(self.store, array, some))

    def views(self, ids: Sequence[str]) -> Floats:
        """Return (N, A, C) vectors of every view, in that basis too."""
        return self._gathered(ids, lambda array, some: np.asarray(self.store.read(array, some), np.float32))

    def _gathered(self, ids: Sequence[str], read: Callable[[str, list[str]], Floats]) -> Floats:
        """What `read` gives of each clip's own array, aligned."""
        of_clips = np.array([self.unseen.get(clip_id, self.array) for clip_id in ids], object)
        parts: list[tuple[NDArray[np.intp], Floats]] = []
        for array in sorted({*of_clips}):
            places = np.flatnonzero(of_clips == array)
            vectors = read(array, [ids[place] for place in places.tolist()])
            parts.append((places, self._alignment(array)(vectors) if array in self.aligned_on else vectors))
        found = np.empty((len(ids), *self.store.spec(self.array).row_shape[-1:]), np.float32)
        if parts:
            found = np.empty((len(ids), *parts[0][1].shape[1:]), np.float32)
        for places, vectors in parts:
            found[places] = vectors
        return found

    def row_keys(self) -> dict[str, str]:
        """Return the key of the row that each clip's vector is read from."""
        keys = {array: self.store.keys(array) for array in {self.array, *self.unseen.values()}}
        found = {clip_id: keys[array][clip_id] for clip_id, array in self.unseen.items()}
        return {**keys[self.array], **found}

    def alignment_keys(self) -> list[str]:
        """Return the cache keys of the alignments, each of which names the rows that it was fitted to."""
        return [key_of(self._document(array)) for array in sorted(self.aligned_on)]

    def _alignment(self, array: str) -> Alignment:
        if array not in self._alignments:
            learned = cached_training(self.cache, self._document(array), lambda _: self._learn(array), {})
            self._alignments[array] = Alignment.from_bytes((learned.folder / _FILE).read_bytes())
        return self._alignments[array]

    def _document(self, array: str) -> dict[str, Any]:
        source, target = self.store.keys(array), self.store.keys(self.array)
        rows = [[clip_id, source[clip_id], target[clip_id]] for clip_id in self.aligned_on[array]]
        return TRAIN.document(params={"align": "procrustes"}, inputs={"rows": rows})

    def _learn(self, array: str) -> dict[str, bytes]:
        with self.inputs.held():
            ids = self.aligned_on[array]
            return {
                _FILE: procrustes(*(view_means(self.store, a, ids) for a in (array, self.array))).to_bytes()
            }


@dataclass(frozen=True)
class CrossFit:
    """The networks that were each trained without a part of another's clips, and the clips that each was fitted to."""

    store: Store
    fitted: Mapping[str, frozenset[str]]
    """Clips that each of them was fitted to, by the array of its features; the other one was fitted to all parts."""
    num_parts: int
    """Number of parts, at most: where there are fewer groups to divide, there are as many."""
    cache: Cache
    inputs: Pinned
    align: bool

    def of(self, network: str, cut: str) -> OutOfFold:
        """Return a cut of a network, named by the array of its features. Raises DatasetError where a part lacks."""
        names = (without(network, part) for part in range(self.num_parts))
        fitted = {name: self.fitted[name] & self._there for name in names if name in self.fitted}
        unseen = {}
        for clip_id in sorted(frozenset[str]().union(*fitted.values())):
            apart = [one for one, ids in fitted.items() if clip_id not in ids]
            if len(apart) != 1:
                raise DatasetError(
                    f"{len(apart)} networks were trained without clip {clip_id!r}, which {network!r} was fitted to, "
                    "and pretrain.cross_fit takes one: run `pretrain` and `features` with the present params"
                )
            unseen[clip_id] = cut_array(apart[0], cut)
        on = {cut_array(one, cut): tuple(sorted(ids)) for one, ids in fitted.items()}
        aligned = on if self.align and cut != LOGITS else {}
        return OutOfFold(self.store, cut_array(network, cut), unseen, aligned, self.cache, self.inputs)

    @cached_property
    def _there(self) -> frozenset[str]:
        return features_there(self.store)


def cross_fitted(paths: Paths, preset: "Preset", store: Store, inputs: Pinned) -> CrossFit | None:
    """Return what `pretrain.cross_fit` asks for; None where it is 0.

    Raises DatasetError where the store's features are of other parts than those.
    """
    asked = preset.pretrain.cross_fit
    if not asked:
        return None
    if store.attrs.get("cross_fit", 0) != asked:
        raise DatasetError(
            f"{store.path} has no features of networks trained without one of {asked} parts, which pretrain.cross_fit "
            "asks for: run `pretrain` and `features` with the present params"
        )
    fitted = fitted_clips(paths.need(paths.weights / "backbones", "pretrain"))
    align = preset.train.align_folds == "procrustes"
    return CrossFit(store, fitted, asked, paths.open_cache(), inputs, align)
