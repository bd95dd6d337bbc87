"""Bootstrap confidence intervals of means, over clips or over the subjects that clips come from."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

CELLS_AT_ONCE = 4_000_000
"""Resampled values held in memory together: 32 MB."""


@dataclass(frozen=True, slots=True)
class Resampling:
    """Options of the bootstrap: number of resamples, level and seed."""

    count: int = 10_000
    """Number of resamples."""
    level: float = 0.95
    """Confidence level in (0, 1): the share of the resampled means inside an interval."""
    seed: int = 0


def intervals(
    values: NDArray[np.float64], how: Resampling, *, clusters: NDArray[np.int64] | None = None
) -> NDArray[np.float64]:
    """Compute the percentile interval of each column's mean: (N, K) → (K, 2). Columns share resamples, so stay paired.

    With `clusters` (N,), whole clusters are resampled, since clips of one subject are not independent.
    """
    means = resampled_means(values, how, clusters=clusters)
    tail = 100 * (1 - how.level) / 2
    return np.asarray(np.percentile(means, [tail, 100 - tail], axis=0).T)


def resampled_means(
    values: NDArray[np.float64], how: Resampling, *, clusters: NDArray[np.int64] | None = None
) -> NDArray[np.float64]:
    """Resample clips (or clusters) with replacement and average each column: (N, K) → (count, K)."""
    sums, sizes = _cluster_sums(values, clusters)
    rng = np.random.default_rng(how.seed)
    step = max(1, CELLS_AT_ONCE // len(sums))
    parts = []
    for start in range(0, how.count, step):
        times = _times_drawn(min(step, how.count - start), len(sums), rng)
        parts.append((times @ sums) / (times @ sizes)[:, None])
    return np.concatenate(parts)


def _cluster_sums(
    values: NDArray[np.float64], clusters: NDArray[np.int64] | None
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """(G, K) sum of each cluster, and (G,) its size; without clusters each clip is its own."""
    if clusters is None:
        return values, np.ones(len(values))
    _, group = np.unique(clusters, return_inverse=True)
    sums = np.zeros((group.max() + 1, values.shape[1]))
    np.add.at(sums, group, values)
    return sums, np.bincount(group).astype(np.float64)


def _times_drawn(resamples: int, items: int, rng: np.random.Generator) -> NDArray[np.float64]:
    """(resamples, items): how often each item is drawn when as many are drawn as there are."""
    drawn = rng.integers(0, items, (resamples, items))
    drawn += np.arange(resamples)[:, None] * items
    return (
        np.bincount(drawn.ravel(), minlength=resamples * items).reshape(resamples, items).astype(np.float64)
    )
