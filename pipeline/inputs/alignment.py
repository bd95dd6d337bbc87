"""Orthogonal alignment of one network's features to another's: two trainings learn the same in different bases.

Schönemann 1966 (A generalized solution of the orthogonal Procrustes problem, Psychometrika 31): of all orthogonal R,
the one with the least ||A R - B|| is U V^T, where A^T B = U S V^T. It keeps lengths and distances, so that a clip on
which a network is unsure stays between its classes.
"""

import io
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipeline.errors import RunError
from pipeline.shown import ShownByShape

Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True, repr=False)
class Alignment(ShownByShape):
    """A rotation about the mean: x to (x - source_mean) R + target_mean."""

    rotation: NDArray[np.float64]
    """R, (C, C)."""
    source_mean: NDArray[np.float64]
    """(C,)."""
    target_mean: NDArray[np.float64]
    """(C,)."""

    def __call__(self, vectors: Floats) -> Floats:
        """Bring (N, C) vectors of the source into the target's basis: (N, C) float32."""
        turned = (vectors - self.source_mean) @ self.rotation + self.target_mean
        return np.asarray(turned, np.float32)

    def to_bytes(self) -> bytes:
        """Return a .npy file of (C + 2, C) float64: R, then both means."""
        file = io.BytesIO()
        np.save(file, np.vstack([self.rotation, self.source_mean, self.target_mean]))
        return file.getvalue()

    @classmethod
    def from_bytes(cls, data: bytes) -> "Alignment":
        """Read what `to_bytes` gave."""
        whole = np.load(io.BytesIO(data), allow_pickle=False)
        return cls(whole[:-2], whole[-2], whole[-1])


def procrustes(source: Floats, target: Floats) -> Alignment:
    """Find the orthogonal alignment of (N, C) vectors to (N, C) vectors of the same clips, in float64.

    Directions in which both vary together by no more than float32 rounds are dropped: there is nothing to find them by.
    Raises RunError for other shapes, or fewer than two clips.
    """
    if source.shape != target.shape or source.ndim != 2 or len(source) < 2:
        raise RunError(
            f"alignment takes (N, C) vectors of the same two or more clips twice, got {source.shape} and {target.shape}"
        )
    source_mean, target_mean = (x.mean(axis=0, dtype=np.float64) for x in (source, target))
    left, size, right = np.linalg.svd((source - source_mean).T @ (target - target_mean))
    kept = size > size.max(initial=0.0) * len(size) * np.finfo(np.float32).eps
    return Alignment(left[:, kept] @ right[kept], source_mean, target_mean)
