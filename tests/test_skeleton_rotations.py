"""Rotations of skeletons, and their streams, against numbers worked out by hand."""

import numpy as np
import pytest

from pipeline.skeleton.layouts import Layout
from pipeline.skeleton.rotations import rotation_matrices, rotation_onto
from pipeline.skeleton.streams import bone, motion, stream


@pytest.mark.parametrize("source", [[1, 2, 3], [0, 0, 5], [0, 0, -2], [1e-9, 0, -1]])
def test_turn_onto_reaches_its_target(source: list[float]) -> None:
    target = np.array([0.0, 0.0, 1.0])
    turn = rotation_onto(np.array(source, dtype=float), target)
    np.testing.assert_allclose(turn @ source, np.linalg.norm(source) * target, atol=1e-8)
    np.testing.assert_allclose(turn @ turn.T, np.eye(3), atol=1e-9)
    assert np.linalg.det(turn) == pytest.approx(1)


def test_turns_go_about_x_first() -> None:
    quarter = np.pi / 2
    about_x, about_z, both = rotation_matrices(
        np.array([[quarter, 0, 0], [0, 0, quarter], [quarter, 0, quarter]])
    )
    np.testing.assert_allclose(about_x @ [0, 1, 0], [0, 0, 1], atol=1e-12)
    np.testing.assert_allclose(about_z @ [1, 0, 0], [0, 1, 0], atol=1e-12)
    np.testing.assert_allclose(both, about_z @ about_x, atol=1e-12)


def test_streams_by_hand() -> None:
    layout = Layout("stick", ("hip", "chest", "head"), ((0, 1), (2, 1)), 1, (0, 1), (0, 2), ())
    joints = np.zeros((3, 2, 3, 1), np.float32)
    joints[1, 0, :, 0], joints[1, 1, :, 0] = [-1, 0, 2], [-1, 1, 4]
    assert bone(joints, layout)[1, :, :, 0].tolist() == [[-1, 0, 2], [-2, 0, 3]]
    assert motion(joints)[1, :, :, 0].tolist() == [[0, 1, 2], [0, 0, 0]]
    assert stream("bone_motion", joints, layout)[1, :, :, 0].tolist() == [[-1, 0, 1], [0, 0, 0]]
    assert stream("joint", joints, layout) is joints
