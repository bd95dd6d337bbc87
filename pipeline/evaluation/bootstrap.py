"""Confidence intervals of means, over clips or over the subjects that clips come from: bootstrap, and Wilson's."""

from collections.abc import Mapping
from dataclasses import dataclass
from statistics import NormalDist

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


def accuracy_intervals(
    percent: NDArray[np.float64], how: Resampling, *, clusters: NDArray[np.int64] | None = None
) -> NDArray[np.float64]:
    """Compute `intervals` of accuracies, each clip's in per cent: (N, K) → (K, 2).

    Where every clip is right, or none, resamples are all alike, and would give an interval of no width: Wilson's
    stands there, of so many clips (or clusters). A clip that is weighed may count over 100; no interval does.
    """
    edges = np.clip(intervals(percent, how, clusters=clusters), 0.0, 100.0)
    trials = len(percent) if clusters is None else len(np.unique(clusters))
    alike = ((percent == 0.0) | (percent == 100.0)).all(axis=0) & (percent == percent[0]).all(axis=0)
    share = percent[0, alike] / 100.0
    edges[alike] = 100.0 * np.stack(wilson(share, np.full(len(share), trials), how.level), axis=1)
    return edges


def spans(
    columns: Mapping[str, NDArray[np.float64]],
    how: Resampling,
    *,
    clusters: NDArray[np.int64] | None = None,
    accuracies: bool,
) -> dict[str, tuple[float, float]]:
    """Return each column's interval by name, rounded to four digits; columns are (N,) in per cent, and stay paired.

    `accuracies`: whether they are `accuracy_intervals`; differences of accuracies have plain `intervals`.
    """
    if not columns:
        return {}
    edges = (accuracy_intervals if accuracies else intervals)(
        np.stack([*columns.values()], axis=1), how, clusters=clusters
    )
    return {
        name: (round(float(low), 4), round(float(high), 4))
        for name, (low, high) in zip(columns, edges, strict=True)
    }


def wilson(
    share: NDArray[np.float64], counts: NDArray[np.int64], level: float = 0.95
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return both edges of Wilson's interval (1927) of shares of `counts` trials, all of them (K,).

    Other than a bootstrap it has a width where all trials end alike: 4 of 4 give 51 to 100 %, in shares.
    """
    trials, quantile = np.maximum(counts, 1), NormalDist().inv_cdf((1 + level) / 2)
    squared = quantile**2
    middle = (share + squared / (2 * trials)) / (1 + squared / trials)
    spread = np.sqrt(share * (1 - share) / trials + squared / (4 * trials**2))
    half = spread * quantile / (1 + squared / trials)
    return np.clip(middle - half, 0, 1), np.clip(middle + half, 0, 1)


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
