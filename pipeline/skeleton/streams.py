"""The streams of a skeleton (bones, motion, …), computed from its joints on demand and never stored.

Arrays are (..., C, T, V, M), as `normalise.prepare` gives them.
"""

from functools import lru_cache
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from pipeline.errors import ParamError
from pipeline.skeleton.layouts import Layout

Stream = Literal[
    "joint", "bone", "joint_motion", "bone_motion",
    "bone_1", "bone_2", "bone_8", "bone_1_motion", "bone_2_motion", "bone_8_motion",
]  # fmt: skip
"""The four streams of 2s-AGCN and CTR-GCN, and InfoGCN's six: k-step bones, k = 1, 2 and 8, and their motion."""

SIX_STREAMS: tuple[Stream, ...] = (
    "bone_1", "bone_2", "bone_8", "bone_1_motion", "bone_2_motion", "bone_8_motion",
)  # fmt: skip
"""SF-Head's ensemble (SPEC 5.5), after InfoGCN; NTU's skeleton has no path of 8 steps, so bone_8 is its
joints.
"""

_STEPS = {"bone_1": 1, "bone_2": 2, "bone_8": 8}

MOTION = "_motion"


def stream(name: Stream, joints: NDArray[np.float32], layout: Layout) -> NDArray[np.float32]:
    """Compute the named stream, of the same shape as `joints`. Raises ParamError."""
    if name not in get_args(Stream):
        raise ParamError(f"stream must be one of {get_args(Stream)}, got {name!r}")
    kind = name.removesuffix(MOTION)
    values = joints
    if kind == "bone":
        values = bone(joints, layout)
    elif kind in _STEPS:
        values = step_bone(joints, layout, _STEPS[kind])
    return motion(values) if name.endswith(MOTION) else values


def bone(joints: NDArray[np.float32], layout: Layout) -> NDArray[np.float32]:
    """Subtract each joint's parent; 0 for the joint that has none (2s-AGCN, section 3.3)."""
    child, parent = np.array(layout.bones, dtype=np.intp).reshape(-1, 2).T
    bones = np.zeros_like(joints)
    bones[..., child, :] = joints[..., child, :] - joints[..., parent, :]
    return bones


def step_bone(joints: NDArray[np.float32], layout: Layout, steps: int) -> NDArray[np.float32]:
    """Subtract from each joint the one `steps` bones nearer to `layout.centre`; nothing where there is none.

    InfoGCN's I - A^k (its `get_A`). In a chain 0 – 1 – 2 with centre 0 and `steps=2`: joints 0 and 1 stay,
    joint
    2 loses joint 0. Normalised joints have the centre for their origin, so a joint that stays is the path
    from there.
    """
    if steps < 1:
        raise ParamError(f"steps must be 1 or more, got {steps}")
    far, near = np.array(_ways(layout, steps), dtype=np.intp).reshape(-1, 2).T
    bones = joints.copy()
    bones[..., far, :] -= joints[..., near, :]
    return bones


def motion(values: NDArray[np.float32]) -> NDArray[np.float32]:
    """Subtract each frame from the next, x[t + 1] - x[t]; 0 for the last frame (SPEC 0.3b)."""
    moved = np.zeros_like(values)
    np.subtract(values[..., 1:, :, :], values[..., :-1, :, :], out=moved[..., :-1, :, :])
    return moved


@lru_cache
def _ways(layout: Layout, steps: int) -> tuple[tuple[int, int], ...]:
    """(joint, the joint that many bones nearer to the centre) of each joint that has one."""
    nearer = _towards_centre(layout)
    at = {joint: joint for joint in range(layout.num_joints)}
    for _ in range(steps):
        at = {joint: nearer[place] for joint, place in at.items() if place in nearer}
    return tuple(at.items())


def _towards_centre(layout: Layout) -> dict[int, int]:
    """Joint → the next one on its way to the centre; neither the centre nor what no bone reaches is in it."""
    nearer: dict[int, int] = {}
    reached = [layout.centre]
    for joint in reached:
        for pair in layout.bones:
            if joint in pair:
                other = pair[0] if pair[1] == joint else pair[1]
                if other != layout.centre and other not in nearer:
                    nearer[other] = joint
                    reached.append(other)
    return nearer
