"""Random numbers of one training batch of a head: which cached view, and which frames of it, each clip shows."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.errors import DatasetError
from pipeline.rng import rng_for
from pipeline.video.sampling import PHASES, SamplingRule, sample


@dataclass(frozen=True, slots=True)
class Draw:
    """One batch of one epoch; all inputs of a head draw alike, so that maps of two networks stay on each other."""

    seed: int
    epoch: int
    batch: int

    def view(self, views: NDArray[Any]) -> NDArray[Any]:
        """Choose one view of each clip: (B, A, …) → (B, …)."""
        count = views.shape[1]
        if count == 1:
            return np.asarray(views[:, 0])
        drawn = self._rng("views").integers(PHASES, size=len(views)) * count // PHASES
        return np.asarray(views[np.arange(len(views)), drawn])

    def segments(self, rows: NDArray[Any], num_segments: int, *, axis: int) -> NDArray[Any]:
        """Choose one random row of each of `num_segments` equal parts of a clip (SPEC 1.1 eq. 5): (B, …) → (B, …).

        `axis` is that of the frames. Inputs with other numbers of rows choose at the same share of each part.
        """
        return _rows_of(rows, num_segments, axis, self._rng("segments"))

    def _rng(self, what: str) -> np.random.Generator:
        return rng_for(what, self.seed, self.epoch, self.batch)


def centres(rows: NDArray[Any], num_segments: int, *, axis: int) -> NDArray[Any]:
    """Choose the row in the middle of each of `num_segments` equal parts, as in testing: (B, …) → (B, …)."""
    return _rows_of(rows, num_segments, axis, None)


def joined(views: list[NDArray[Any]]) -> NDArray[Any]:
    """Concatenate the vectors of several networks, (B, A, C) each, view by view; one view goes with every other.

    Raises DatasetError where two networks have other numbers of views.
    """
    count = max(one.shape[1] for one in views)
    if any(one.shape[1] not in (1, count) for one in views):
        numbers = [one.shape[1] for one in views]
        raise DatasetError(
            f"backbones whose vectors are joined have {numbers} views: one is drawn for all of them, so give them "
            "equally many (sample.views, flips, phases), or one"
        )
    return np.concatenate([np.broadcast_to(v, (len(v), count, v.shape[2])) for v in views], axis=2)


def _rows_of(
    rows: NDArray[Any], num_segments: int, axis: int, rng: np.random.Generator | None
) -> NDArray[Any]:
    """Segment t of a clip of F rows shows row floor((t + u) F/T), counted from 0, u in [0, 1), or 1/2 without `rng`."""
    mode, views = ("test", 1) if rng is None else ("train", len(rows))
    rule = SamplingRule(rule="segment", num_frames=num_segments, views=views, mode=mode)  # type: ignore[arg-type]
    frames = sample(rule, rows.shape[axis], rng=rng).frames
    places = [1] * rows.ndim
    places[0], places[axis] = frames.shape
    return np.take_along_axis(rows, frames.reshape(places).astype(np.int64), axis=axis)
