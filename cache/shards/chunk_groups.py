"""Rows of a request, put together by the chunks that they share, so that each chunk is read and unpacked once."""

from collections.abc import Sequence
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from .chunk_index import Picked, picked

Groups: TypeAlias = dict[int, tuple[Picked, Picked]]
"""Number of a chunk group to the places in the result, and the rows within the group that belong there."""


def grouped(size: int, places: list[int], rows: list[int]) -> Groups:
    """Find the groups of `size` rows that hold `rows`, which belong at `places`.

    Groups of 4, rows 9, 2, 8 at places 0, 1, 2: {2: ([0, 2], [1, 0]), 0: ([1], [2])}, lists that rise by one as slices.
    """
    if size == 1 and len(set(rows)) == len(rows):
        return {row: (place, 0) for place, row in zip(places, rows, strict=True)}
    groups: dict[int, tuple[list[int], list[int]]] = {}
    for place, row in zip(places, rows, strict=True):
        at, within = groups.setdefault(row // size, ([], []))
        at.append(place)
        within.append(row % size)
    return {group: (picked(at), picked(within)) for group, (at, within) in groups.items()}


def consecutive(size: int, first: int, count: int) -> Groups:
    """Group `count` rows that follow each other from `first` on, and belong at places from 0 on, as `grouped` does."""
    last, groups = first + count, Groups()
    for start in range(first // size * size, last, size):
        low, high = max(first, start), min(last, start + size)
        groups[start // size] = (slice(low - first, high - first), slice(low - start, high - start))
    return groups


def stretches(
    size: int, places: Sequence[int] | NDArray[np.intp], rows: Sequence[int] | NDArray[np.intp]
) -> list[tuple[int, int, int]] | None:
    """Find (place, row, count) of each stretch in which both rise by one; None where chunks of `size` rows are better.

    Rows 4, 5, 9 at places 0, 1, 2: (0, 4, 2), (2, 9, 1). Shuffled rows would read each chunk once a row.
    """
    if len(rows) <= 1:
        return [(int(place), int(row), 1) for place, row in zip(places, rows, strict=True)]
    at, of = np.asarray(places), np.asarray(rows)
    breaks = (np.flatnonzero((np.diff(at) != 1) | (np.diff(of) != 1)) + 1).tolist()
    if breaks and len(breaks) >= 2 * len(np.unique(of // size)):
        return None
    starts, ends = [0, *breaks], [*breaks, len(of)]
    return [(int(at[low]), int(of[low]), high - low) for low, high in zip(starts, ends, strict=True)]
