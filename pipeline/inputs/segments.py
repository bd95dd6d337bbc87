"""CSSIModel's random segments, looked up in cached values of every frame (SPEC 1.1 eq. 5, and 1.8).

A frozen network sees each frame by itself, so that choosing segments among its vectors equals running it on
the chosen frames: the training augmentation costs no pass through the network.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.errors import SamplingError
from pipeline.video.sampling import SamplingRule, sample

NUM_SEGMENTS = 128
"""T of CSSIModel: segments a clip."""


def segments(
    num_frames: int,
    *per_frame: NDArray[Any],
    num_segments: int = NUM_SEGMENTS,
    rng: np.random.Generator | None = None,
) -> tuple[NDArray[Any], ...]:
    """Take (num_segments, …) rows of each (F or more, …) array, the same frames for all of them.

    `per_frame` are one clip's values of every frame, such as cached features (F, 512) and joints (F, V, 3),
    padded or not: rows from `num_frames` on are never read. With `rng` one frame of each segment at
    random, as in
    training; without it the segments' centres.
    """
    for values in per_frame:
        if len(values) < num_frames:
            raise SamplingError(
                f"a clip of {num_frames} frames needs as many rows, got an array of {values.shape}; "
                "cache features of every frame"
            )
    rule = SamplingRule(rule="segment", num_frames=num_segments, mode="test" if rng is None else "train")
    [frames] = sample(rule, num_frames, rng=rng).frames
    return tuple(values[frames] for values in per_frame)
