"""Slots of a clip: which body lies where, so that one that was lost and found again stays one person."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray


def slots_of(
    frames: Sequence[NDArray[np.integer] | Sequence[int]], *, num_frames: int, max_persons: int
) -> list[list[int]]:
    """Places of the bodies in each slot that is used, the first slot first.

    `frames` lists, of each body in order of preference, the frames that it is seen in. Each goes to the first slot
    where nobody lies in any of its frames; one that finds none is in no slot. Frame by frame: two bodies that take
    turns share a slot even if their spans overlap.
    """
    taken = np.zeros((max_persons, num_frames), dtype=bool)
    slots: list[list[int]] = [[] for _ in range(max_persons)]
    for body, seen in enumerate(frames):
        free = np.flatnonzero(~taken[:, seen].any(axis=1))
        if len(free):
            taken[free[0], seen] = True
            slots[free[0]].append(body)
    return [slot for slot in slots if slot]
