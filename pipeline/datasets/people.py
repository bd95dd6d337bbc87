"""A skeleton out of plain arrays of joints: unknown ones found, scores where the dataset has none, flags."""

from collections.abc import Mapping
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from pipeline.errors import SkeletonError
from pipeline.values import Skeleton

Given = Literal["joints_3d", "joints_2d"]
AXES: Mapping[Given, int] = {"joints_3d": 3, "joints_2d": 2}


def people_skeleton(given: Mapping[Given, NDArray[np.float64]], name: str) -> tuple[Skeleton, frozenset[str]]:
    """The skeleton of `joints_3d` (T, M, V, 3) metres, `joints_2d` (T, M, V, 2) pixels or both, and its flags.

    A joint is unknown where a number of it is not finite, or beyond float32. It scores 1 where all that is given
    of it is known, else 0. Frame t of the video is shown by frame t. Raises SkeletonError, with the file's `name`,
    where nobody is seen at all.
    """
    with np.errstate(over="ignore"):
        numbers = {kind: joints.astype(np.float32) for kind, joints in given.items()}
    finite = {kind: np.asarray(np.isfinite(joints).all(axis=3)) for kind, joints in numbers.items()}
    known = np.asarray(np.all(list(finite.values()), axis=0))
    seen = known.any(axis=(1, 2))
    if not seen.any():
        raise SkeletonError(f"{name}: nobody is seen in any of its {len(known)} frames")
    joints = {
        kind: np.where(finite[kind][..., None], numbers[kind], np.float32(np.nan))
        if kind in numbers
        else np.full((*known.shape, axes), np.nan, np.float32)
        for kind, axes in AXES.items()
    }
    skeleton = Skeleton(
        joints_3d=joints["joints_3d"],
        joints_2d=joints["joints_2d"],
        score=known.astype(np.float32),
        video_frame=np.arange(len(known), dtype=np.int32),
    )
    flags = {"no_body_frames": not seen.all(), "nan_joints": not known[known.any(axis=2)].all()}
    return skeleton, frozenset(flag for flag, is_found in flags.items() if is_found)


def without_zeros(joints: NDArray[np.float64]) -> NDArray[np.float64]:
    """(..., axes): joints at exactly 0 in all axes, which is how many datasets write an unknown one, as NaN."""
    return np.where((joints == 0).all(axis=-1, keepdims=True), np.nan, joints)
