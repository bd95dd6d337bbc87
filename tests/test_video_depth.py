"""Depth recordings, and millimetres relative to the person turned into 8 bits."""

from pathlib import Path

import numpy as np
import pytest
from scipy.io import savemat

from pipeline.datasets.utd_mhad.depth_video import MatDepthVideo
from pipeline.errors import SkeletonError, VideoError
from pipeline.values import Skeleton
from pipeline.video.depth import depth_to_uint8, person_distance_mm
from pipeline.video.video import VideoFacts


@pytest.fixture
def three_frames_mat(tmp_path: Path) -> Path:
    """4 x 6 pixels, three frames, frame t at 1000 t + 500 mm."""
    path = tmp_path / "a1_s1_t1_depth.mat"
    depth = np.broadcast_to(np.array([500, 1500, 2500], np.uint16), (4, 6, 3))
    savemat(path, {"d_depth": depth}, do_compression=True)
    return path


def test_a_depth_recording_plays_forward(three_frames_mat: Path) -> None:
    video = MatDepthVideo(three_frames_mat)
    assert video.probe() == VideoFacts(num_frames=3, height=4, width=6, fps=30.0, header_frames=None)
    frames = dict(video.frames([0, 2]))
    assert {number: int(frame[0, 0]) for number, frame in frames.items()} == {0: 500, 2: 2500}
    assert all(frame.dtype == np.uint16 and frame.shape == (4, 6) for frame in frames.values())


def test_a_frame_beyond_the_end_is_refused(three_frames_mat: Path) -> None:
    with pytest.raises(VideoError, match="holds 3 frames, frame 3 is wanted"):
        list(MatDepthVideo(three_frames_mat).frames([0, 3]))


def test_a_file_cut_short_is_refused(three_frames_mat: Path) -> None:
    three_frames_mat.write_bytes(three_frames_mat.read_bytes()[:-20])
    with pytest.raises(VideoError, match=r"a1_s1_t1_depth\.mat: not a readable \.mat file"):
        MatDepthVideo(three_frames_mat).probe()


@pytest.mark.parametrize("content", [b"", b"no mat", bytes(4000)])
def test_what_is_no_mat_file_is_refused(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "odd_depth.mat"
    path.write_bytes(content)
    with pytest.raises(VideoError, match="odd_depth"):
        MatDepthVideo(path).probe()


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(VideoError, match="no such file"):
        MatDepthVideo(tmp_path / "gone.mat").probe()


@pytest.mark.parametrize("value", [-1.0, 0.5, 70000.0, np.nan])
def test_what_is_no_whole_millimetre_is_refused(value: float, tmp_path: Path) -> None:
    savemat(tmp_path / "odd.mat", {"d_depth": np.full((2, 2, 2), value)})
    with pytest.raises(VideoError, match="whole millimetres"):
        MatDepthVideo(tmp_path / "odd.mat").probe()


def test_another_variable_is_refused(tmp_path: Path) -> None:
    savemat(tmp_path / "odd.mat", {"d_skel": np.zeros((2, 2, 2))})
    with pytest.raises(VideoError, match="no variable 'd_depth'"):
        MatDepthVideo(tmp_path / "odd.mat").probe()


def test_depth_becomes_brightness_relative_to_the_person() -> None:
    depth = np.array([1000, 2000, 2500, 3000, 3500, 4000, 9000, 0], np.uint16)
    expected = [255, 255, 191, 128, 64, 0, 0, 0]  # 255 * (1/2 - (d - 3000) / 2000), by hand
    np.testing.assert_array_equal(depth_to_uint8(depth, person_mm=3000.0), expected)


def test_a_wider_range_is_flatter() -> None:
    depth = np.array([[1000, 3000]], np.uint16)
    np.testing.assert_array_equal(depth_to_uint8(depth, person_mm=3000.0, range_m=4.0), [[191, 128]])


def test_the_persons_distance_is_the_median_of_known_joints() -> None:
    joints = np.full((2, 1, 2, 3), 0.0, np.float32)
    joints[0, 0, :, 2] = (2.0, 3.0)
    joints[1, 0, :, 2] = (4.0, np.nan)
    score = np.array([[[1, 1]], [[1, 0]]], np.float32)
    skeleton = Skeleton(joints, np.zeros((2, 1, 2, 2), np.float32), score, np.arange(2, dtype=np.int32))
    assert person_distance_mm(skeleton) == 3000.0


def test_nobody_has_no_distance() -> None:
    nobody = Skeleton(
        np.full((1, 1, 1, 3), np.nan, np.float32),
        np.full((1, 1, 1, 2), np.nan, np.float32),
        np.zeros((1, 1, 1), np.float32),
        np.zeros(1, np.int32),
    )
    with pytest.raises(SkeletonError, match="needs a 3-D joint"):
        person_distance_mm(nobody)
