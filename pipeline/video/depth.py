"""Depth as pictures: millimetres turned into 8 bits relative to the person's distance.

How one channel enters a network: crops are stored with C = 1. A video network that is trained on depth has
a stem of one input channel (`in_channels=1`); one that starts from RGB weights gets the channel three times
over, which the stage that feeds it does, so that the store stays a third of the size.
"""

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from pipeline.errors import SkeletonError
from pipeline.values import Skeleton

NUM_DEPTHS = 1 << 16
"""Values that 16 bits of millimetres can take."""


def person_distance_mm(skeleton: Skeleton) -> float:
    """Millimetres from the camera to the person: median z of all present joints over the whole clip.

    One number a clip, so that a step towards the camera stays visible.
    """
    z = skeleton.joints_3d[..., 2][skeleton.score > 0]
    known = z[np.isfinite(z) & (z > 0)]
    if known.size == 0:
        raise SkeletonError("the person's distance needs a 3-D joint in front of the camera, there is none")
    return float(np.median(known)) * 1000.0


def depth_to_uint8(
    depth_mm: NDArray[np.uint16], *, person_mm: float, range_m: float = 1.0
) -> NDArray[np.uint8]:
    """Depth of any shape, relative to the person's distance: nearer is brighter.

    255 · clip(½ - (d - d_person) / (2 · 1000 · range_m), 0, 1), rounded to even. The person's distance
    gives 128, range_m nearer and beyond 255, range_m farther and beyond 0. Where nothing was measured
    (d = 0): 0, as for the far background, though no distance is known there.
    Example: d_person = 3000, range 1 m: 2000 → 255, 2500 → 191, 3000 → 128, 3500 → 64, 4000 → 0, 0 → 0.
    """
    if not (range_m > 0 and np.isfinite(person_mm)):
        raise ValueError(f"range_m must be above 0 and person_mm finite, got {range_m} and {person_mm}")
    return np.asarray(_greys(person_mm, range_m)[depth_mm])


@lru_cache(maxsize=4)
def _greys(person_mm: float, range_m: float) -> NDArray[np.uint8]:
    """(NUM_DEPTHS,): the grey of every depth; one table serves all frames of a clip."""
    relative = 0.5 - (np.arange(NUM_DEPTHS) - person_mm) / (2000.0 * range_m)
    table: NDArray[np.uint8] = np.rint(255.0 * np.clip(relative, 0.0, 1.0)).astype(np.uint8)
    table[0] = 0
    return table
