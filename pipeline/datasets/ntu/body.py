"""One body as the sensor tracked it, and what the rules that choose among bodies measure of it."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from pipeline.errors import SkeletonError
from pipeline.shown import ShownByShape

NOISE_FRAMES = 11
"""A body seen in this many frames or fewer is noise (CTR-GCN, get_raw_denoised_data.py)."""

NOISE_SPREAD = 0.8
"""A body wider than this share of its height is not standing there in that frame (CTR-GCN)."""

NOISE_SHARE = 0.69754
"""A body with such frames in at least this share of its frames is noise (CTR-GCN)."""


BodyFilter = Literal["length", "spread"]
BODY_FILTERS: tuple[BodyFilter, ...] = ("length", "spread")
"""Rules by which a body is noise: NOISE_FRAMES, and NOISE_SPREAD in NOISE_SHARE of its frames."""


@dataclass(frozen=True, slots=True, repr=False)
class Body(ShownByShape):
    """One tracked body: the frames that it is seen in, and its joints in them. F frames, V joints."""

    body_id: int
    """The sensor's number of the body; NTU's ids need 57 bits, more than a float64 holds."""

    frames: NDArray[np.int32]
    """(F,): rises strictly; gaps where the body was lost."""

    joints_3d: NDArray[np.float32]
    """(F, V, 3): metres in the camera's frame; NaN where a joint is unknown."""

    joints_2d: NDArray[np.float32]
    """(F, V, 2): x and y in pixels of the video's frame; NaN where a joint is unknown."""

    score: NDArray[np.float32]
    """(F, V): confidence in [0, 1]."""

    def __post_init__(self) -> None:
        if self.score.ndim != 2 or 0 in self.score.shape or self.frames.shape != self.score.shape[:1]:
            raise SkeletonError(
                f"body {self.body_id}: score must be (F, V), none 0, and frames (F,), "
                f"got {self.score.shape} and {self.frames.shape}"
            )
        for name, joints, axes in (("joints_3d", self.joints_3d, 3), ("joints_2d", self.joints_2d, 2)):
            if joints.shape != (*self.score.shape, axes):
                raise SkeletonError(
                    f"body {self.body_id}: {name} must be {(*self.score.shape, axes)}, got {joints.shape}"
                )


def lying_frames(body: Body) -> NDArray[np.bool_]:
    """(F,): whether the body is wider than NOISE_SPREAD of its height in the frame, NaN joints aside."""
    known = np.isfinite(body.joints_3d).all(axis=2, keepdims=True)
    low = np.where(known, body.joints_3d, np.inf).min(axis=1)
    high = np.where(known, body.joints_3d, -np.inf).max(axis=1)
    size = np.asarray(high - low)
    return np.asarray(size[:, 0] > NOISE_SPREAD * size[:, 1])
