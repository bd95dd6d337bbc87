"""pipeline.skeleton.streams: what is made of joints when a backbone asks for it."""

from typing import get_args

import numpy as np
import pytest

from pipeline.errors import ParamError
from pipeline.skeleton.layouts import LAYOUTS, NTU_25, UTD_20, Layout
from pipeline.skeleton.streams import SIX_STREAMS, Stream, bone, motion, step_bone, stream

FORK = Layout("fork", ("hand", "centre", "neck", "head"), ((0, 1), (2, 1), (3, 2)), 1, (0, 1), (0, 2), ())
"""hand – centre – neck – head."""


def fork_joints() -> np.ndarray:
    """(C, T, V, M) with one axis, two frames, one person: 0 at the centre in the first."""
    joints = np.zeros((1, 2, 4, 1), np.float32)
    joints[0, 0, :, 0], joints[0, 1, :, 0] = [-3, 0, 2, 5], [-1, 1, 4, 9]
    return joints


def random_joints(layout: Layout) -> np.ndarray:
    shape = (2, 3, 6, layout.num_joints, 2)
    return np.random.default_rng(layout.num_joints).normal(size=shape).astype(np.float32)


def test_step_bones_by_hand() -> None:
    joints = fork_joints()
    assert step_bone(joints, FORK, 1)[0, :, :, 0].tolist() == [[-3, 0, 2, 3], [-2, 1, 3, 5]]
    assert step_bone(joints, FORK, 2)[0, :, :, 0].tolist() == [[-3, 0, 2, 5], [-1, 1, 4, 8]]
    assert step_bone(joints, FORK, 3)[0, :, :, 0].tolist() == joints[0, :, :, 0].tolist()


def test_step_motion_by_hand() -> None:
    found = stream("bone_2_motion", fork_joints(), FORK)
    assert found[0, :, :, 0].tolist() == [[2, 1, 2, 3], [0, 0, 0, 0]]


def official_step_bone(joints: np.ndarray, layout: Layout, steps: int) -> np.ndarray:
    """I - A^k, A[joint, next joint towards the centre] = 1, worked out from distances alone."""
    near = np.zeros((layout.num_joints, layout.num_joints), dtype=bool)
    for a, b in layout.bones:
        near[a, b] = near[b, a] = True
    distance = np.full(layout.num_joints, -1)
    distance[layout.centre] = 0
    for step in range(layout.num_joints):
        at_step = near[:, distance == step].any(axis=1)
        distance[at_step & (distance < 0)] = step + 1
    towards = near & (distance[None, :] == distance[:, None] - 1)
    matrix = np.eye(layout.num_joints) - np.linalg.matrix_power(towards.astype(float), steps)
    return np.einsum("uv,...vm->...um", matrix, joints)


@pytest.mark.parametrize("layout", LAYOUTS.values(), ids=LAYOUTS)
@pytest.mark.parametrize("steps", [1, 2, 8])
def test_step_bones_are_infogcns_matrix(layout: Layout, steps: int) -> None:
    joints = random_joints(layout)
    expected = official_step_bone(joints, layout, steps)
    np.testing.assert_allclose(step_bone(joints, layout, steps), expected, atol=1e-6)


def test_no_way_is_eight_bones_long() -> None:
    for layout in (NTU_25, UTD_20):
        joints = random_joints(layout)
        np.testing.assert_array_equal(stream("bone_8", joints, layout), joints)


def test_one_step_is_a_bone_but_at_the_roots() -> None:
    """Between the two roots, 20 and 1, bones point the other way; elsewhere nothing differs."""
    joints = random_joints(NTU_25)
    differ = np.abs(bone(joints, NTU_25) - step_bone(joints, NTU_25, 1)).max(axis=(0, 1, 2, 4)) > 1e-6
    assert np.flatnonzero(differ).tolist() == [1, 20]


@pytest.mark.parametrize("name", get_args(Stream))
def test_every_stream_keeps_the_shape_and_its_input(name: Stream) -> None:
    joints = random_joints(UTD_20)
    before = joints.copy()
    found = stream(name, joints, UTD_20)
    assert found.shape == joints.shape
    assert found.dtype == np.float32
    np.testing.assert_array_equal(joints, before)
    if name.endswith("motion"):
        np.testing.assert_array_equal(found, motion(stream(name.removesuffix("_motion"), joints, UTD_20)))  # type: ignore[arg-type]


def test_the_ensemble_is_three_lengths_still_and_in_motion() -> None:
    assert len(set(SIX_STREAMS)) == 6
    assert sum(name.endswith("motion") for name in SIX_STREAMS) == 3


def test_what_cannot_be_is_refused() -> None:
    with pytest.raises(ParamError, match=r"stream must be one of .*got 'bones'"):
        stream("bones", fork_joints(), FORK)  # type: ignore[arg-type]
    with pytest.raises(ParamError, match="steps must be 1 or more, got 0"):
        step_bone(fork_joints(), FORK, 0)
