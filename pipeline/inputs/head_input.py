"""Cached cuts as the tensors that a head takes, for any clips; in training a view or segments of them are drawn."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from cache import Store
from pipeline.arrays.cut_arrays import cut_array
from pipeline.errors import DatasetError
from pipeline.inputs.draw import Draw, centres, joined
from pipeline.inputs.out_of_fold import CrossFit, OutOfFold, view_means

if TYPE_CHECKING:
    from pipeline.params.heads import HeadParams
    from pipeline.params.params import PretrainParams
    from pipeline.params.streams import DeclaredInput

Values = NDArray[Any]
"""(N, …) values of N clips, float32 or float16."""


class OneInput(Protocol):
    """One tensor of a head, for any clips."""

    @property
    def in_memory(self) -> bool:
        """Whether the values of all clips fit into memory, so that they are read once."""
        ...

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of one clip's values."""
        ...

    def views(self, ids: Sequence[str]) -> Values:
        """Return all that a batch of training may draw of `ids`: (N, A, …), A being 1 where no view is drawn."""
        ...

    def seen(self, views: Values, draw: Draw | None) -> Values:
        """Return what the head sees of `views`: drawn in training, and always the same without `draw`."""
        ...

    @property
    def num_views(self) -> int:
        """A, the number of cached views of a clip."""
        ...

    def of_view(self, ids: Sequence[str], share: Fraction) -> Values:
        """Return what the head sees in testing of one view of `ids`: that at `share`, from 0 to 1, of all of them."""
        ...

    def row_keys(self) -> list[dict[str, str]]:
        """Return the cache keys that the values are made of, by clip id: one mapping an array."""
        ...

    def alignment_keys(self) -> list[list[str]]:
        """Return the cache keys of what some values were aligned by: one list for each array that was."""
        ...


@dataclass(frozen=True)
class VectorInput:
    """One vector a clip, features or logits: the mean over views, with several backbones concatenated."""

    store: Store
    arrays: tuple[str, ...]
    in_memory: bool = True
    out_of_fold: Mapping[str, OutOfFold] = field(default_factory=dict)
    """Array to what stands for it, where clips' vectors are of networks that did not see them."""
    drawn: bool = False
    """Whether training draws one of a clip's views in each epoch, in place of their mean."""

    @property
    def shape(self) -> tuple[int, ...]:
        """(C,): the sum of all widths."""
        return (sum(self.store.spec(name).row_shape[-1] for name in self.arrays),)

    def views(self, ids: Sequence[str]) -> Values:
        """Return (N, A, C) float32, or (N, 1, C), the mean over views, where none is drawn."""
        return self._every_view(ids) if self.drawn else self.read(ids)[:, None]

    @property
    def num_views(self) -> int:
        """The most views that an array has."""
        return max(self.store.spec(name).row_shape[0] for name in self.arrays)

    def of_view(self, ids: Sequence[str], share: Fraction) -> Values:
        """Return (N, C) float32."""
        every = self._every_view(ids)
        return np.asarray(every[:, int(share * every.shape[1])], np.float32)

    def _every_view(self, ids: Sequence[str]) -> Values:
        crossed = self.out_of_fold
        return joined(
            [
                crossed[name].views(ids) if name in crossed else self.store.read(name, list(ids))
                for name in self.arrays
            ]
        )

    def seen(self, views: Values, draw: Draw | None) -> Values:
        """(N, A, C) → (N, C): one view each, or their mean."""
        return views.mean(axis=1, dtype=np.float32) if draw is None else draw.view(views)

    def read(self, ids: Sequence[str]) -> Values:
        """Return the mean over views: (N, C) float32."""
        crossed = self.out_of_fold
        parts = [
            crossed[name].read(ids) if name in crossed else view_means(self.store, name, ids)
            for name in self.arrays
        ]
        return np.concatenate(parts, axis=1)

    def row_keys(self) -> list[dict[str, str]]:
        """Return the keys of each array's rows."""
        crossed = self.out_of_fold
        return [
            crossed[name].row_keys() if name in crossed else self.store.keys(name) for name in self.arrays
        ]

    def alignment_keys(self) -> list[list[str]]:
        """Return the keys of each array's alignments, where some vectors are brought into another's basis."""
        found = [one.alignment_keys() for one in self.out_of_fold.values()]
        return [keys for keys in found if keys]


@dataclass(frozen=True)
class MapInput:
    """A map, joints, or a vector a frame, of each clip's first view or a drawn one, as it is stored."""

    store: Store
    array: str
    in_memory: bool = False
    drawn: bool = False
    """Whether training draws one of a clip's views in each epoch, in place of the first."""
    segments: int | None = None
    """Number of segments of which one row each is looked up, at random in training; None takes every row."""
    frame_axis: int = 0
    """Axis of one view's row along which segments lie."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of what the head sees of one clip, such as (C, T, H, W)."""
        row: tuple[int, ...] = self.store.spec(self.array).row_shape[1:]
        if self.segments is None:
            return row
        return (*row[: self.frame_axis], self.segments, *row[self.frame_axis + 1 :])

    def views(self, ids: Sequence[str]) -> Values:
        """Return (N, A, …) of the store's own type; the first view alone where none is drawn."""
        return np.asarray(self.store.read(self.array, list(ids))[:, : None if self.drawn else 1])

    @property
    def num_views(self) -> int:
        """A, as it is stored."""
        return int(self.store.spec(self.array).row_shape[0])

    def of_view(self, ids: Sequence[str], share: Fraction) -> Values:
        """Return (N, *shape)."""
        number = int(share * self.num_views)
        return self.seen(np.asarray(self.store.read(self.array, list(ids))[:, number : number + 1]), None)

    def seen(self, views: Values, draw: Draw | None) -> Values:
        """(N, A, …) → (N, *shape)."""
        one = views[:, 0] if draw is None else draw.view(views)
        if self.segments is not None:
            axis = self.frame_axis + 1
            return (
                centres(one, self.segments, axis=axis)
                if draw is None
                else draw.segments(one, self.segments, axis=axis)
            )
        return np.ascontiguousarray(one)

    def row_keys(self) -> list[dict[str, str]]:
        """Return the keys of the array's rows."""
        return [self.store.keys(self.array)]

    def alignment_keys(self) -> list[list[str]]:
        """Return nothing: only vectors are aligned."""
        return []


@dataclass(frozen=True)
class HeadRows:
    """All inputs of one head, in the order in which it takes them."""

    inputs: tuple[OneInput, ...]
    averaged: bool = False
    """Whether testing takes the mean of the logits over a clip's views, in place of the logits of what `read` gives."""

    @property
    def tested_views(self) -> tuple[Fraction | None, ...]:
        """Views that testing reads one after the other, by their share; None stands for all that `read` gives."""
        count = max(one.num_views for one in self.inputs)
        return tuple(Fraction(view, count) for view in range(count)) if self.averaged else (None,)

    @property
    def streamed(self) -> bool:
        """Whether something is read batch by batch."""
        return not all(one.in_memory for one in self.inputs)

    def read(self, ids: Sequence[str], view: Fraction | None = None) -> tuple[Values, ...]:
        """Return every input of `ids`: (N, …) each; of one view where its share is given."""
        if view is not None:
            return tuple(one.of_view(ids, view) for one in self.inputs)
        return tuple(one.seen(one.views(ids), None) for one in self.inputs)

    def keys(self, ids: Sequence[str]) -> list[list[str]]:
        """Return [id, keys of its inputs' rows] of each of `ids`."""
        columns = [keys for one in self.inputs for keys in one.row_keys()]
        return [[clip_id, *(keys[clip_id] for keys in columns)] for clip_id in ids]

    @property
    def aligned(self) -> dict[str, list[list[str]]]:
        """Return, for a training's document, the keys of the alignments under `aligned`; empty where there are none."""
        found = [keys for one in self.inputs for keys in one.alignment_keys()]
        return {"aligned": found} if found else {}


def backbone_seed(heads: "HeadParams", pretrain: "PretrainParams", head_seed: int, *, selection: bool) -> int:
    """Return the seed of the backbones that a head sees: its own where both have as many seeds, else the first.

    `selection` asks for the backbones that were not trained on the held-out clips.
    """
    paired = len(pretrain.seeds) == len(heads.seeds)
    return (
        pretrain.seeds[heads.seeds.index(head_seed)]
        if paired and not (selection and pretrain.refit)
        else pretrain.seeds[0]
    )


def networks_of(
    names: Sequence[str], pretrain: "PretrainParams", seed: int, *, selection: bool
) -> tuple[str, ...]:
    """Return the networks of the backbones `names`, trained with `seed`: each by the array of its features.

    `selection` asks for those that were not trained on the held-out clips.
    """
    tail = f"_{seed}_fold" if selection or not pretrain.refit else f"_{seed}"
    return tuple(name + tail for name in names)


def input_from(
    store: Store,
    declared: "DeclaredInput",
    networks: tuple[str, ...],
    crossed: CrossFit | None = None,
    *,
    drawn: bool = False,
) -> OneInput:
    """Return one declared input, read from the arrays of its cut of these networks.

    With `crossed`, vectors of clips that a network was fitted to are of those trained without them; with `drawn`,
    training sees one view of a clip in each epoch. Raises DatasetError where the store lacks an array.
    """
    arrays = tuple(cut_array(name, declared.cut) for name in networks)
    for name in arrays:
        if name not in store.arrays:
            raise DatasetError(
                f"{store.path} has no array {name!r}, which heads shall see; it has {sorted(store.arrays)}: run "
                "`pretrain` and `features` with the present params"
            )
    if declared.kind not in ("vector", "logits"):
        return MapInput(
            store, arrays[0], drawn=drawn, segments=declared.segments, frame_axis=declared.frame_axis
        )
    if crossed is None:
        return VectorInput(store, arrays, drawn=drawn)
    found = {array: crossed.of(name, declared.cut) for array, name in zip(arrays, networks, strict=True)}
    return VectorInput(store, arrays, out_of_fold=found, drawn=drawn)
