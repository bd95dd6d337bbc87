"""Places of clips in feature space: which are nearest to which, and maps of them in two dimensions."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipeline.shown import ShownByShape

Vectors = NDArray[np.float32]

LEAST_POINTS = 4
"""Least number of different points that t-SNE needs."""
LEAST_SPREAD, MOST_SPREAD = 1e-12, 1e15
"""Between these, squares of differences stay numbers in float32."""
ROWS_AT_ONCE = 4096
"""Clips whose features are held in memory while neighbours are sought."""


@dataclass(frozen=True, slots=True, repr=False)
class Mapped(ShownByShape):
    """N clips in two dimensions, twice; nothing where `lacking` says why."""

    tsne: Vectors | None = None
    """(N, 2) by t-SNE: who lies together; distances mean little."""
    pca: Vectors | None = None
    """(N, 2): the two first principal components; distances are those of the features, as far as two axes hold them."""
    held: float = 0.0
    """Share of the variance that the two components hold."""
    lacking: str = ""


def mapped(values: Vectors, *, seed: int = 0) -> Mapped:
    """Map (N, C) values by t-SNE and by principal components."""
    if (why := not_embeddable(values)) is not None:
        return Mapped(lacking=why)
    components, held = principal(values)
    return Mapped(embed(values, seed=seed), components, held)


def not_embeddable(values: Vectors) -> str | None:
    """Say why (N, C) values cannot be embedded; None where they can. t-SNE can end the process on such values."""
    if len(values) < LEAST_POINTS:
        return f"{len(values)} clips: too few to map"
    if not np.isfinite(values).all():
        return "some values are not finite"
    spread = float(np.ptp(values.astype(np.float64), axis=0).max())
    if spread >= MOST_SPREAD:
        return "the values differ beyond measure"
    if spread <= LEAST_SPREAD or len(np.unique(values, axis=0)) < LEAST_POINTS:
        return "the values hardly differ"
    return None


def embed(values: Vectors, *, seed: int = 0) -> Vectors:
    """Embed (N, C) → (N, 2) by t-SNE, started from the principal components; N of 4 or more."""
    from sklearn.manifold import TSNE  # takes a second to import
    from threadpoolctl import threadpool_limits

    perplexity = min(30.0, (len(values) - 1) / 3)
    start = "pca" if values.shape[1] > 1 else "random"
    tsne = TSNE(perplexity=perplexity, init=start, random_state=seed, n_jobs=1)
    with threadpool_limits(1):  # n_jobs does not bound its OpenMP: minutes of spinning where cores are shared
        return np.asarray(tsne.fit_transform(values))


def principal(values: Vectors) -> tuple[Vectors, float]:
    """Project (N, C) → (N, 2) onto the two first principal components; also the share of the variance they hold.

    An axis points to where its largest weight is positive, so that equal values give equal maps.
    """
    centred = values.astype(np.float64) - values.mean(axis=0, dtype=np.float64)
    left, sizes, axes = np.linalg.svd(centred, full_matrices=False)
    signs = np.sign(axes[np.arange(len(axes)), np.abs(axes).argmax(axis=1)])
    points = np.zeros((len(values), 2))
    count = min(2, len(sizes))
    points[:, :count] = (left * sizes * signs)[:, :count]
    return points.astype(np.float32), float((sizes[:2] ** 2).sum() / (sizes**2).sum())


@dataclass(frozen=True, slots=True, repr=False)
class Neighbours(ShownByShape):
    """The k clips nearest to each of Q clips, nearest first, itself left out."""

    ids: tuple[tuple[str, ...], ...]
    """Q rows of at most k clip ids."""
    similarity: Vectors
    """(Q, k) cosine similarity in [-1, 1]; NaN where there are fewer clips."""


def nearest(
    read: Callable[[Sequence[str]], Vectors], queries: Sequence[str], pool: Sequence[str], *, count: int = 5
) -> Neighbours:
    """Find the clips of `pool` whose features point most nearly where those of each query do.

    `read` gives (N, C) features of some clips; `pool` is read block by block, `queries` at once.
    """
    wanted = _unit(read(queries))
    best = np.full((len(queries), 0), -np.inf, np.float32)
    places = np.zeros((len(queries), 0), np.int64)
    own = {clip_id: number for number, clip_id in enumerate(queries)}
    for start in range(0, len(pool), ROWS_AT_ONCE):
        block = pool[start : start + ROWS_AT_ONCE]
        found = wanted @ _unit(read(block)).T
        for column, clip_id in enumerate(block):
            if clip_id in own:
                found[own[clip_id], column] = -np.inf
        best = np.concatenate([best, found], axis=1)
        places = np.concatenate([places, np.tile(np.arange(start, start + len(block)), (len(queries), 1))], 1)
        order = np.argsort(-best, axis=1, kind="stable")[:, :count]
        best, places = np.take_along_axis(best, order, 1), np.take_along_axis(places, order, 1)
    ids = tuple(tuple(_there(row, scores, pool)) for row, scores in zip(places, best, strict=True))
    return Neighbours(ids, np.where(np.isfinite(best), best, np.nan).astype(np.float32))


def _there(row: NDArray[np.int64], scores: Vectors, pool: Sequence[str]) -> Iterable[str]:
    return (pool[place] for place, score in zip(row, scores, strict=True) if np.isfinite(score))


def _unit(values: Vectors) -> Vectors:
    """Each row divided by its length; zeros stay."""
    return np.asarray(values / np.maximum(np.linalg.norm(values, axis=1, keepdims=True), np.float32(1e-12)))
