"""Batches of a head's inputs: vectors are held in memory, all else is read batch by batch."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.inputs.draw import Draw
from pipeline.inputs.head_input import HeadRows, Values
from pipeline.rng import rng_for
from pipeline.shown import ShownByShape

Labels = NDArray[np.int64]


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
                self._held[place] = one.views(self.ids)

    def __call__(self, epoch: int) -> Iterator[tuple[tuple[Values, ...], Labels]]:
        """Yield every clip once, in batches of nearly equal size, `batch` at most."""
        order = rng_for("order", self.seed, epoch).permutation(len(self.labels))
        for number, part in enumerate(np.array_split(order, -(-len(order) // self.batch))):
            draw = Draw(self.seed, epoch, number)
            yield (
                tuple(self._values(place, part, draw) for place in range(len(self.rows.inputs))),
                self.labels[part],
            )

    def _values(self, place: int, part: NDArray[np.intp], draw: Draw) -> Values:
        one = self.rows.inputs[place]
        if place in self._held:
            return one.seen(self._held[place][part], draw)
        return one.seen(one.views([self.ids[number] for number in part]), draw)


class HeadBlocks:
    """A head's inputs in order, over and over: `size` clips at a time where maps are read, else all at once."""

    def __init__(self, rows: HeadRows, ids: Sequence[str], size: int, view: Fraction | None = None) -> None:
        self._rows, self._ids, self._size, self._view = rows, ids, size, view
        self._whole = rows.read(ids, view) if ids and not rows.streamed else None

    def __iter__(self) -> Iterator[tuple[Values, ...]]:
        if self._whole is not None:
            return iter((self._whole,))
        starts = range(0, len(self._ids), self._size)
        return (self._rows.read(self._ids[start : start + self._size], self._view) for start in starts)


def softmax(logits: NDArray[Any]) -> NDArray[np.float64]:
    """Convert logits (N, K) to probabilities (N, K)."""
    raised = np.exp(logits.astype(np.float64) - logits.max(axis=1, keepdims=True))
    return np.asarray(raised / raised.sum(axis=1, keepdims=True))
