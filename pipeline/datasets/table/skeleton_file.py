"""Skeletons of one's own recordings, from `.npz` files; and what stands in where there are none."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pipeline.errors import SkeletonError
from pipeline.npz import npz_arrays
from pipeline.skeleton.layouts import WHOLE_FRAME, Layout
from pipeline.values import Skeleton

JOINTS = {"joints_3d": 3, "joints_2d": 2}


def read_npz_skeleton(path: Path, layout: Layout, max_persons: int) -> tuple[Skeleton, frozenset[str]]:
    """The skeleton in a `.npz` file, and its flags.

    `joints_3d` (T, M, V, 3) metres and `joints_2d` (T, M, V, 2) pixels, one or both, NaN where unknown; M is
    filled up to `max_persons`. `score` (T, M, V) in [0, 1]: where the file has none, 1 stands in for a joint
    that is known in all the coordinates given. `video_frame` (T,): default 0, 1, 2, …
    """
    arrays = _load(path)
    given = {
        name: _joints(arrays[name], axes, layout, path.name)
        for name, axes in JOINTS.items()
        if name in arrays
    }
    if not given:
        raise SkeletonError(f"{path.name}: needs joints_3d or joints_2d, got {sorted(arrays)}")
    shape = next(iter(given.values())).shape[:3]
    if any(joints.shape[:3] != shape for joints in given.values()) or 0 in shape or shape[1] > max_persons:
        raise SkeletonError(
            f"{path.name}: joints must be (T, M, {layout.num_joints}, …), same for both, M up to max_persons "
            f"({max_persons}); got { {name: joints.shape for name, joints in given.items()} }"
        )
    known = np.all([np.isfinite(joints).all(axis=3) for joints in given.values()], axis=0)
    score = _score(arrays["score"], known, path.name) if "score" in arrays else known.astype(np.float32)
    absent = max_persons - shape[1]
    skeleton = Skeleton(
        **{
            name: _fill(given.get(name, np.full((*shape, axes), np.nan, np.float32)), absent, np.nan)
            for name, axes in JOINTS.items()
        },
        score=_fill(score, absent, 0),
        video_frame=_video_frame(arrays.get("video_frame", np.arange(shape[0])), path.name),
    )
    return skeleton, _flags(skeleton, known, path.name)


def whole_frame_skeleton(num_frames: int, max_persons: int) -> Skeleton:
    """Nobody's joint, never known, in every frame: boxes then are whole frames."""
    shape = (num_frames, max_persons, WHOLE_FRAME.num_joints)
    return Skeleton(
        joints_3d=np.full((*shape, 3), np.nan, dtype=np.float32),
        joints_2d=np.full((*shape, 2), np.nan, dtype=np.float32),
        score=np.zeros(shape, dtype=np.float32),
        video_frame=np.arange(num_frames, dtype=np.int32),
    )


def _load(path: Path) -> dict[str, NDArray[np.generic]]:
    try:
        content = path.read_bytes()
    except FileNotFoundError as error:
        raise SkeletonError(f"{path.name}: no such file; make it, or leave the cell empty") from error
    try:
        arrays = npz_arrays(content)
    except ValueError as error:
        raise SkeletonError(f"{path.name}: {error}") from error
    for name, array in arrays.items():
        if array.dtype.kind not in "iuf":
            raise SkeletonError(f"{path.name}: {name} must hold numbers, got {array.dtype}")
    return arrays


def _joints(joints: NDArray[np.generic], axes: int, layout: Layout, name: str) -> NDArray[np.float32]:
    """(T, M, V, axes) float32; a joint is NaN where one of its numbers is not finite."""
    if joints.ndim != 4 or joints.shape[2:] != (layout.num_joints, axes):
        raise SkeletonError(
            f"{name}: {layout.name} has (T, M, {layout.num_joints}, {axes}) joints, got {joints.shape}"
        )
    with np.errstate(over="ignore"):  # beyond float32 is unknown, as infinity is
        numbers = joints.astype(np.float32)
    numbers[~np.isfinite(numbers).all(axis=3)] = np.nan
    return numbers


def _score(score: NDArray[np.generic], known: NDArray[np.bool_], name: str) -> NDArray[np.float32]:
    if score.shape != known.shape:
        raise SkeletonError(f"{name}: score must be {known.shape}, got {score.shape}")
    return np.where(known, score.astype(np.float32), np.float32(0))


def _video_frame(frames: NDArray[np.generic], name: str) -> NDArray[np.int32]:
    if frames.dtype.kind not in "iu":
        raise SkeletonError(f"{name}: video_frame must be whole numbers, got {frames.dtype}")
    return frames.astype(np.int32)


def _fill(array: NDArray[np.float32], people: int, value: float) -> NDArray[np.float32]:
    """`people` absent ones after those there are, along the axis of people."""
    widths = [(0, 0), (0, people), *[(0, 0)] * (array.ndim - 2)]
    return np.pad(array, widths, constant_values=value)


def _flags(skeleton: Skeleton, known: NDArray[np.bool_], name: str) -> frozenset[str]:
    seen = skeleton.present.any(axis=1)
    if not seen.any():
        raise SkeletonError(f"{name}: nobody is seen in any of its {skeleton.num_frames} frames")
    flags = {"no_body_frames": not seen.all(), "nan_joints": not known[known.any(axis=2)].all()}
    return frozenset(flag for flag, is_found in flags.items() if is_found)
