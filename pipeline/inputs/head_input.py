"""Cached cuts as the tensors that a head takes: vectors are held in memory, all else is read batch by batch."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from cache import Store
from pipeline.arrays.cut_arrays import cut_array
from pipeline.errors import DatasetError
from pipeline.inputs.out_of_fold import CrossFit, OutOfFold, view_means
from pipeline.rng import rng_for
from pipeline.shown import ShownByShape

if TYPE_CHECKING:
    from pipeline.params.params import HeadParams, PretrainParams
    from pipeline.params.streams import DeclaredInput

Values = NDArray[Any]
"""(N, …) values of N clips, float32 or float16."""

Labels = NDArray[np.int64]


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

    def read(self, ids: Sequence[str]) -> Values:
        """Return the values of `ids`, in their order: (N, *shape)."""
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

    @property
    def shape(self) -> tuple[int, ...]:
        """(C,): the sum of all widths."""
        return (sum(self.store.spec(name).row_shape[-1] for name in self.arrays),)

    def read(self, ids: Sequence[str]) -> Values:
        """Return (N, C) float32."""
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
    """A map, joints, or a vector a frame, of each clip's first view, as it is stored."""

    store: Store
    array: str
    in_memory: bool = False

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of one view's row, such as (C, T, H, W)."""
        return self.store.spec(self.array).row_shape[1:]

    def read(self, ids: Sequence[str]) -> Values:
        """Return (N, …) of the store's own type."""
        return np.ascontiguousarray(self.store.read(self.array, list(ids))[:, 0])

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

    @property
    def streamed(self) -> bool:
        """Whether something is read batch by batch."""
        return not all(one.in_memory for one in self.inputs)

    def read(self, ids: Sequence[str]) -> tuple[Values, ...]:
        """Return every input of `ids`: (N, …) each."""
        return tuple(one.read(ids) for one in self.inputs)

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
    store: Store, declared: "DeclaredInput", networks: tuple[str, ...], crossed: CrossFit | None = None
) -> OneInput:
    """Return one declared input, read from the arrays of its cut of these networks.

    With `crossed`, vectors of clips that a network was fitted to are of those trained without them. Raises DatasetError
    where the store lacks an array.
    """
    arrays = tuple(cut_array(name, declared.cut) for name in networks)
    for name in arrays:
        if name not in store.arrays:
            raise DatasetError(
                f"{store.path} has no array {name!r}, which heads shall see; it has {sorted(store.arrays)}: run "
                "`pretrain` and `features` with the present params"
            )
    if declared.kind not in ("vector", "logits"):
        return MapInput(store, arrays[0])
    if crossed is None:
        return VectorInput(store, arrays)
    found = {array: crossed.of(name, declared.cut) for array, name in zip(arrays, networks, strict=True)}
    return VectorInput(store, arrays, out_of_fold=found)


@dataclass(frozen=True, repr=False)
class HeadBatches(ShownByShape):
    """Shuffled batches of a head's inputs; those of epoch e depend only on the seed and on e."""

    rows: HeadRows
    ids: tuple[str, ...]
    labels: Labels
    batch: int
    seed: int
    _held: dict[int, Values] = field(default_factory=dict, compare=False)

    def __post_init__(self) -> None:
        for place, one in enumerate(self.rows.inputs):
            if one.in_memory:
                self._held[place] = one.read(self.ids)

    def __call__(self, epoch: int) -> Iterator[tuple[tuple[Values, ...], Labels]]:
        """Yield every clip once, in batches of nearly equal size, `batch` at most."""
        order = rng_for("order", self.seed, epoch).permutation(len(self.labels))
        for part in np.array_split(order, -(-len(order) // self.batch)):
            yield (
                tuple(self._values(place, part) for place in range(len(self.rows.inputs))),
                self.labels[part],
            )

    def _values(self, place: int, part: NDArray[np.intp]) -> Values:
        if place in self._held:
            return self._held[place][part]
        return self.rows.inputs[place].read([self.ids[number] for number in part])


class HeadBlocks:
    """A head's inputs in order, over and over: `size` clips at a time where maps are read, else all at once."""

    def __init__(self, rows: HeadRows, ids: Sequence[str], size: int) -> None:
        self._rows, self._ids, self._size = rows, ids, size
        self._whole = rows.read(ids) if ids and not rows.streamed else None

    def __iter__(self) -> Iterator[tuple[Values, ...]]:
        if self._whole is not None:
            return iter((self._whole,))
        starts = range(0, len(self._ids), self._size)
        return (self._rows.read(self._ids[start : start + self._size]) for start in starts)


def softmax(logits: NDArray[Any]) -> NDArray[np.float64]:
    """Convert logits (N, K) to probabilities (N, K)."""
    raised = np.exp(logits.astype(np.float64) - logits.max(axis=1, keepdims=True))
    return np.asarray(raised / raised.sum(axis=1, keepdims=True))
