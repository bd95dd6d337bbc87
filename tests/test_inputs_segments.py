"""CSSIModel's segments as a look-up in cached frames, and the six parts of a body."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from pipeline.errors import DatasetError
from pipeline.inputs.draw import Draw, centres, joined
from pipeline.skeleton.body_parts import body_parts
from pipeline.skeleton.layouts import BOX_4, LAYOUTS, NTU_25, UTD_20, WHOLE_FRAME, Layout


def frozen_network(frames: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Stands for one: (B, T, H, W) → (B, T, 2), each frame by itself."""
    return np.stack([frames.mean(axis=(2, 3)), frames.std(axis=(2, 3))], axis=2).astype(np.float32)


@given(num_frames=st.integers(1, 90), epoch=st.integers(0, 9))
def test_choosing_among_features_equals_features_of_the_chosen(num_frames: int, epoch: int) -> None:
    frames = np.random.default_rng(1).integers(256, size=(2, num_frames, 3, 4), dtype=np.uint8)
    draw = Draw(0, epoch, 3)
    found = draw.segments(frozen_network(frames), 16, axis=1)
    np.testing.assert_array_equal(found, frozen_network(draw.segments(frames, 16, axis=1)))


def test_segments_by_hand() -> None:
    """Eq. (5) repaired, F = 3, T = 6: centres floor((t - 1/2) / 2) = 0, 0, 1, 1, 2, 2; every frame twice."""
    features, joints = np.arange(6.0).reshape(1, 3, 2), np.arange(3).reshape(1, 1, 3, 1)
    np.testing.assert_array_equal(centres(features, 6, axis=1)[0], features[0, [0, 0, 1, 1, 2, 2]])
    assert centres(joints, 6, axis=2)[0, 0, :, 0].tolist() == [0, 0, 1, 1, 2, 2]


def test_all_inputs_of_a_head_draw_alike_and_each_clip_epoch_and_batch_anew() -> None:
    """Frame 40 of 80 and joint 20 of 40 are the same moment."""
    frames, joints = np.tile(np.arange(80), (3, 1)), np.tile(np.arange(40), (3, 2, 1))
    draw = Draw(0, 1, 2)
    drawn, of_joints = draw.segments(frames, 10, axis=1), draw.segments(joints, 10, axis=2)
    assert (drawn // 8 == np.arange(10)).all()  # one of each tenth
    np.testing.assert_array_equal(drawn // 2, of_joints[:, 0])
    np.testing.assert_array_equal(of_joints[:, 0], of_joints[:, 1])
    others = [
        drawn[[1, 2, 0]],
        *(Draw(*who).segments(frames, 10, axis=1) for who in ((1, 1, 2), (0, 2, 2), (0, 1, 3))),
    ]
    assert all((other != drawn).mean() > 0.3 for other in others)


def test_one_view_of_each_clip_is_drawn_the_same_in_all_inputs() -> None:
    views = np.arange(400 * 3).reshape(400, 3, 1)
    drawn = Draw(0, 0, 0).view(views)[:, 0] - np.arange(400) * 3
    assert np.bincount(drawn).tolist() == [140, 143, 117]
    np.testing.assert_array_equal(Draw(0, 0, 0).view(views + 7)[:, 0] - 7 - np.arange(400) * 3, drawn)
    assert Draw(0, 0, 0).view(views[:, :1])[:, 0].tolist() == (np.arange(400) * 3).tolist()


def test_vectors_of_several_networks_are_joined_view_by_view() -> None:
    two, one = np.arange(4).reshape(1, 2, 2), np.array([[[9]]])
    assert joined([two, one]).tolist() == [[[0, 1, 9], [2, 3, 9]]]
    with pytest.raises(DatasetError, match=r"have \[2, 3\] views: one is drawn for all"):
        joined([two, np.zeros((1, 3, 1))])


def test_body_parts_of_kinect_layouts_by_hand() -> None:
    assert body_parts(NTU_25) == (
        (2, 3), (0, 1, 20),
        (4, 5, 6, 7, 21, 22), (8, 9, 10, 11, 23, 24),
        (12, 13, 14, 15), (16, 17, 18, 19),
    )  # fmt: skip
    assert body_parts(UTD_20) == (
        (0,), (1, 2, 3),
        (4, 5, 6, 7), (8, 9, 10, 11),
        (12, 13, 14, 15), (16, 17, 18, 19),
    )  # fmt: skip


def test_a_layout_without_a_torso_takes_shoulders_and_hips() -> None:
    sides = [f"{side}_{name}" for name in ("shoulder", "elbow", "hip", "knee") for side in ("left", "right")]
    stick = Layout("stick", ("nose", *sides), (), 0, ((0,), (0,)), (2, 1), ())
    assert body_parts(stick) == ((0,), (1, 2, 5, 6), (1, 3), (2, 4), (5, 7), (6, 8))


@pytest.mark.parametrize(
    "layout", [x for x in LAYOUTS.values() if x not in (BOX_4, WHOLE_FRAME)], ids=lambda x: x.name
)
def test_every_layout_of_a_body_has_six_parts_that_hold_every_joint(layout: Layout) -> None:
    parts = body_parts(layout)
    assert len(parts) == 6
    assert {joint for part in parts for joint in part} == set(range(layout.num_joints))
