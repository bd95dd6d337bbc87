"""UTD-MHAD's `_skeleton.mat`: metres read, pixels by projection or from the user's own file."""

from io import BytesIO
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pipeline.datasets.utd_mhad.matfile import read_mat
from pipeline.errors import SkeletonError
from pipeline.npz import TORN
from pipeline.skeleton.layouts import UTD_20
from pipeline.values import Skeleton

FOCAL_PIXELS = 285.63
"""Focal length of the depth camera, fitted to the data: 93 % of joints lie within 25 cm of the surface."""

PRINCIPAL_POINT = (160.0, 120.0)
"""(x, y): the middle of the 320 x 240 depth image."""


def read_joints_3d(path: Path) -> NDArray[np.float64]:
    """(T, 20, 3): metres, from `d_skel` (20, 3, T); NaN where a number is not finite or all are exactly 0."""
    joints = read_mat(path, "d_skel", 3, SkeletonError).astype(np.float64)
    if joints.shape[:2] != (UTD_20.num_joints, 3):
        raise SkeletonError(f"{path.name}: d_skel must be (20, 3, T), got {joints.shape}; fetch it again")
    joints = joints.transpose(2, 0, 1)
    joints[~np.isfinite(joints).all(axis=2) | (joints == 0).all(axis=2)] = np.nan
    return joints


def project(joints_3d: NDArray[np.float64]) -> NDArray[np.float64]:
    """(..., 3) metres to (..., 2) pixels of the depth image; NaN behind the camera.

    u = 160 + 285.63 X / Z, v = 120 - 285.63 Y / Z. Example: (0.5, 0.5, 2.8563) lies at (210, 70).
    """
    z = np.where(joints_3d[..., 2] > 0, joints_3d[..., 2], np.nan)
    x = PRINCIPAL_POINT[0] + FOCAL_PIXELS * joints_3d[..., 0] / z
    y = PRINCIPAL_POINT[1] - FOCAL_PIXELS * joints_3d[..., 1] / z
    return np.stack([x, y], axis=-1)


def read_joints_2d(path: Path, num_frames: int) -> NDArray[np.float64]:
    """Read (T, 20, 2) pixels of the RGB frame from `.npy`, or `.csv` with a line a frame (x0, y0, x1, y1, …)."""
    try:
        content = BytesIO(path.read_bytes())
    except FileNotFoundError as error:
        raise SkeletonError(f"{path.name}: not readable as 2-D joints ({error})") from error
    try:
        joints = np.load(content) if path.suffix == ".npy" else np.loadtxt(content, delimiter=",", ndmin=2)
    except TORN as error:
        raise SkeletonError(f"{path.name}: not readable as 2-D joints ({error})") from error
    expected = (num_frames, UTD_20.num_joints, 2)
    if not isinstance(joints, np.ndarray) or joints.ndim == 0:
        raise SkeletonError(f"{path.name}: expected one array {expected}, got {type(joints).__name__}")
    if joints.dtype.kind not in "iuf" or joints.size != np.prod(expected) or len(joints) != num_frames:
        raise SkeletonError(
            f"{path.name}: expected {expected}, a frame for each of the skeleton's, got {joints.shape}"
        )
    pixels = joints.reshape(expected).astype(np.float64)
    pixels[~np.isfinite(pixels).all(axis=2)] = np.nan
    return pixels


def one_person(
    joints_3d: NDArray[np.float64], joints_2d: NDArray[np.float64], name: str
) -> tuple[Skeleton, frozenset[str]]:
    """A skeleton of one person, and its flags. A joint scores 1 if known in metres and pixels, else 0."""
    with np.errstate(over="ignore"):  # beyond float32 is unknown, as infinity is
        metres, pixels = joints_3d.astype(np.float32), joints_2d.astype(np.float32)
    metres[~np.isfinite(metres).all(axis=2)] = np.nan
    pixels[~np.isfinite(pixels).all(axis=2)] = np.nan
    known = np.asarray(np.isfinite(metres).all(axis=2) & np.isfinite(pixels).all(axis=2))
    seen = known.any(axis=1)
    if not seen.any():
        raise SkeletonError(f"{name}: nobody is seen in any of its {len(known)} frames")
    skeleton = Skeleton(
        joints_3d=metres[:, None],
        joints_2d=pixels[:, None],
        score=known[:, None].astype(np.float32),
        video_frame=np.arange(len(known), dtype=np.int32),
    )
    flags = {"no_body_frames": not seen.all(), "nan_joints": not known[seen].all()}
    return skeleton, frozenset(flag for flag, is_found in flags.items() if is_found)
