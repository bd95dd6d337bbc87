"""Comparison of the contents of rows with equal keys: equal bytes, or the largest difference of floats."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..store.manifest import read_manifest
from ..store.parts import Parts
from ..store.store import Store

_BATCH_BYTES = 64 << 20
_SHOWN = 8


@dataclass(frozen=True, slots=True)
class ContentDiff:
    """One array's rows whose keys agree."""

    array: str
    compared: int
    """Rows; those that lie in equal shards are known to be equal."""
    differing: tuple[str, ...]
    """Ids of rows whose bytes differ."""
    max_abs_difference: float | None
    """Over all numbers that are finite in both; None where none differ."""
    unlike_nan: tuple[str, ...]
    """Ids of rows where one has a number and the other NaN or infinity."""
    failed_in_one: tuple[str, ...]
    """Ids of rows that could be made in one store only."""

    @property
    def agrees(self) -> bool:
        """Whether all rows hold the same."""
        return not (self.differing or self.failed_in_one)

    def __str__(self) -> str:
        parts = []
        if self.differing:
            rows = ", ".join(self.differing[:_SHOWN]) + (" …" if len(self.differing) > _SHOWN else "")
            far = (
                "NaN only" if self.max_abs_difference is None else f"by {self.max_abs_difference:.3g} at most"
            )
            parts.append(
                f"{len(self.differing)} of {self.compared} rows made of the same differ, {far}: {rows}"
            )
        if self.unlike_nan:
            parts.append(f"{len(self.unlike_nan)} rows have NaN in one only")
        if self.failed_in_one:
            parts.append(f"{', '.join(self.failed_in_one[:_SHOWN])} failed in one only")
        return f"{self.array}: " + ("; ".join(parts) or f"{self.compared} rows agree")


def content_diff(
    stores: tuple[Store, Store], parts: tuple[Parts, Parts], array: str, both: list[str]
) -> ContentDiff:
    """Compare the rows of `both` that have one key; shards of one digest are not read."""
    one, other = (store.keys(array) for store in stores)
    failed = [failures_of(store, array) for store in stores]
    same = [row_id for row_id in both if row_id in one and one[row_id] == other.get(row_id)]
    in_one = tuple(row_id for row_id in same if (row_id in failed[0]) != (row_id in failed[1]))
    skip = failed[0] | failed[1] | _in_equal_shards(stores, parts, array)
    differing: list[str] = []
    unlike: list[str] = []
    farthest: float | None = None
    row_bytes = stores[0].spec(array).row_bytes
    for ids in _batches([row_id for row_id in same if row_id not in skip], row_bytes):
        for row_id, mine, theirs in zip(ids, *(store.read(array, ids) for store in stores), strict=True):
            if mine.tobytes() == theirs.tobytes():
                continue
            differing.append(row_id)
            apart, nan_differs = distance(mine, theirs)
            unlike += [row_id] * nan_differs
            farthest = apart if farthest is None else max(farthest, apart if apart is not None else farthest)
    return ContentDiff(array, len(same), tuple(differing), farthest, tuple(unlike), in_one)


def failures_of(store: Store, array: str) -> set[str]:
    """Ids of rows that failed in that array."""
    return {failure["id"] for failure in store.failures if failure.get("array", array) == array}


def distance(one: NDArray[np.generic], other: NDArray[np.generic]) -> tuple[float | None, bool]:
    """(largest difference of numbers that are finite in both, whether NaN or infinity stand elsewhere).

    [1, NaN, 3] and [1, 2, 3.5] are 0.5 apart, and NaN stands in one only.
    """
    one, other = np.atleast_1d(one).astype(np.float64), np.atleast_1d(other).astype(np.float64)
    finite = np.isfinite(one) & np.isfinite(other)
    elsewhere = not np.array_equal(one[~finite], other[~finite], equal_nan=True)
    if not finite.any():
        return None, elsewhere
    return float(np.abs(one[finite] - other[finite]).max()), elsewhere


def _in_equal_shards(stores: tuple[Store, Store], parts: tuple[Parts, Parts], array: str) -> set[str]:
    """Ids whose row lies at the same place of shards with one digest."""
    places: list[dict[str, tuple[str, int]]] = []
    for store, part in zip(stores, parts, strict=True):
        files, layout = read_manifest(part.folder).files, part.arrays[array]
        step = layout.rows_per_shard
        digests = [files[layout.shard(block)].digest for block in part.blocks(array)]
        places.append({row_id: (digests[row // step], row % step) for row_id, row in store.row_of.items()})
    return {row_id for row_id, place in places[0].items() if places[1].get(row_id) == place}


def _batches(ids: list[str], row_bytes: int) -> Iterator[list[str]]:
    step = max(1, _BATCH_BYTES // max(1, row_bytes))
    for start in range(0, len(ids), step):
        yield ids[start : start + step]
