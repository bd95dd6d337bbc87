"""CSSIModel's segments as a look-up in cached frames, and the six parts of a body."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from pipeline.errors import SamplingError
from pipeline.inputs.segments import segments
from pipeline.skeleton.body_parts import body_parts
from pipeline.skeleton.layouts import LAYOUTS, NTU_25, UTD_20, WHOLE_FRAME, Layout
from pipeline.video.sampling import SamplingRule, sample


def frozen_network(frames: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Stands for one: (T, H, W) → (T, 2), each frame by itself."""
    return np.stack([frames.mean(axis=(1, 2)), frames.std(axis=(1, 2))], axis=1).astype(np.float32)


@given(num_frames=st.integers(1, 90), padding=st.integers(0, 5), seed=st.integers(0, 9), train=st.booleans())
def test_choosing_among_features_equals_features_of_the_chosen(
    num_frames: int, padding: int, seed: int, train: bool
) -> None:
    frames = np.random.default_rng(1).integers(256, size=(num_frames, 3, 4), dtype=np.uint8)
    features = np.pad(frozen_network(frames), ((0, padding), (0, 0)), constant_values=np.nan)
    rule = SamplingRule(rule="segment", num_frames=16, mode="train" if train else "test")

    def rng() -> np.random.Generator | None:
        return np.random.default_rng(seed) if train else None

    (found,) = segments(num_frames, features, num_segments=16, rng=rng())
    [chosen] = sample(rule, num_frames, rng=rng()).frames
    np.testing.assert_array_equal(found, frozen_network(frames[chosen]))


def test_segments_by_hand() -> None:
    """Eq. (5) repaired, F = 3, T = 6: centres floor((t - 1/2) / 2) = 0, 0, 1, 1, 2, 2; every frame twice."""
    features, joints = np.arange(8.0).reshape(4, 2), np.arange(4)
    chosen, same = segments(3, features, joints, num_segments=6)
    assert same.tolist() == [0, 0, 1, 1, 2, 2]
    np.testing.assert_array_equal(chosen, features[[0, 0, 1, 1, 2, 2]])


def test_segments_are_drawn_anew_with_each_generator() -> None:
    rows = np.arange(300)
    (one,) = segments(300, rows, rng=np.random.default_rng(0))
    (other,) = segments(300, rows, rng=np.random.default_rng(1))
    assert one.shape == (128,)
    assert (one != other).mean() > 0.3
    assert (np.diff(one) >= 0).all()


def test_features_of_fewer_frames_than_the_clip_has_are_refused() -> None:
    with pytest.raises(SamplingError, match=r"12 frames needs as many rows, got an array of \(11, 2\)"):
        segments(12, np.zeros((12, 2)), np.zeros((11, 2)))
    with pytest.raises(SamplingError, match="at least one"):
        segments(0, np.zeros((4, 2)))


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
    "layout", [x for x in LAYOUTS.values() if x is not WHOLE_FRAME], ids=lambda x: x.name
)
def test_every_layout_of_a_body_has_six_parts_that_hold_every_joint(layout: Layout) -> None:
    parts = body_parts(layout)
    assert len(parts) == 6
    assert {joint for part in parts for joint in part} == set(range(layout.num_joints))
