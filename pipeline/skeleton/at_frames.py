"""Joints at video frames, of a skeleton that may have fewer."""

import numpy as np
from numpy.typing import NDArray

from pipeline.values import Skeleton


def joints_at(
    skeleton: Skeleton, frames: NDArray[np.integer]
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return the 2-D joints and scores shown in video `frames` (...,): (..., M, V, 2) and (..., M, V).

    A frame that the skeleton does not have takes the nearest one's joints; ties go to the earlier.
    """
    known = skeleton.video_frame.astype(np.int64)
    later = np.clip(np.searchsorted(known, frames), 0, len(known) - 1)
    earlier = np.maximum(later - 1, 0)
    nearest = np.where(np.abs(known[earlier] - frames) <= np.abs(known[later] - frames), earlier, later)
    return skeleton.joints_2d[nearest], skeleton.score[nearest]
