"""The four streams of a skeleton, made from its joints when they are needed: nothing of them is stored.

Arrays are (..., C, T, V, M), as `normalise.prepare` gives them.
"""

from typing import Literal

import numpy as np
from numpy.typing import NDArray

from pipeline.layouts import Layout

Stream = Literal["joint", "bone", "joint_motion", "bone_motion"]


def stream(name: Stream, joints: NDArray[np.float32], layout: Layout) -> NDArray[np.float32]:
    """One of the four, the same shape as `joints`."""
    values = bone(joints, layout) if name.startswith("bone") else joints
    return motion(values) if name.endswith("motion") else values


def bone(joints: NDArray[np.float32], layout: Layout) -> NDArray[np.float32]:
    """Each joint minus its parent; 0 for the joint that has none (2s-AGCN, section 3.3)."""
    child, parent = np.array(layout.bones, dtype=np.intp).reshape(-1, 2).T
    bones = np.zeros_like(joints)
    bones[..., child, :] = joints[..., child, :] - joints[..., parent, :]
    return bones


def motion(values: NDArray[np.float32]) -> NDArray[np.float32]:
    """x[t + 1] - x[t]; 0 for the last frame (SPEC 0.3b)."""
    moved = np.zeros_like(values)
    np.subtract(values[..., 1:, :, :], values[..., :-1, :, :], out=moved[..., :-1, :, :])
    return moved
