"""pipeline.skeleton.normalise, timeline, turns and streams: what a skeleton network eats."""

import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.errors import ParamError, SkeletonError
from pipeline.skeleton.layouts import COCO_17, LAYOUTS, NTU_25, UTD_20, Layout
from pipeline.skeleton.normalise import SkeletonInput, normalise, window
from pipeline.skeleton.resampling import crop_resize, fill_gaps, repeat_to
from pipeline.skeleton.streams import bone
from pipeline.values import Skeleton

NAN = float("nan")
AGCN = SkeletonInput(style="agcn", num_frames=8)
CTR = SkeletonInput(style="ctr", num_frames=8, length="resize")


def random_skeleton(seed: int = 0, frames: int = 12, persons: int = 2, layout: Layout = NTU_25) -> Skeleton:
    rng = np.random.default_rng(seed)
    shape = (frames, persons, layout.num_joints)
    return Skeleton(
        joints_3d=rng.normal(0, 1, (*shape, 3)).astype(np.float32) + np.float32([0.2, 0.1, 3.0]),
        joints_2d=rng.uniform(0, 300, (*shape, 2)).astype(np.float32),
        score=np.ones(shape, np.float32),
        video_frame=np.arange(frames, dtype=np.int32),
    )


def test_arrays_of_other_types_are_refused_all_at_once() -> None:
    right = random_skeleton()
    message = "joints_3d is float64 and must be float32, video_frame is int64 and must be int32: convert with astype"
    with pytest.raises(SkeletonError, match=message):
        replace(
            right, joints_3d=right.joints_3d.astype(float), video_frame=right.video_frame.astype(np.int64)
        )


def without(skeleton: Skeleton, frames: slice | list[int], person: int | slice) -> Skeleton:
    """The same, with a person away in some frames."""
    joints_3d, joints_2d, score = skeleton.joints_3d.copy(), skeleton.joints_2d.copy(), skeleton.score.copy()
    joints_3d[frames, person], joints_2d[frames, person], score[frames, person] = NAN, NAN, 0
    return Skeleton(joints_3d, joints_2d, score, skeleton.video_frame)


def bone_lengths(batch: np.ndarray, layout: Layout) -> np.ndarray:
    child, parent = np.array(layout.bones).T
    return np.linalg.norm(batch[:, :, child] - batch[:, :, parent], axis=0)


# ------------------------------------------------------------------------------------------ styles


def test_agcn_puts_the_centre_at_the_origin_and_turns_the_first_pose() -> None:
    base = normalise(random_skeleton(), NTU_25, AGCN)
    assert base.shape == (3, 12, 25, 2)
    assert base.dtype == np.float32
    np.testing.assert_allclose(base[:, :, 1, 0], 0, atol=1e-6)
    left_to_right = base[:, 0, 8, 0] - base[:, 0, 4, 0]
    np.testing.assert_allclose(left_to_right / np.linalg.norm(left_to_right), [1, 0, 0], atol=1e-5)


def test_a_person_leaning_sideways_is_stood_up() -> None:
    """Spine along +x, shoulders along +y in the recording: after both turns z is up and x runs from left to right.

    So 2s-AGCN's preprocess.py has it, which turns (right shoulder - left shoulder) to +x.
    """
    skeleton = random_skeleton(frames=1, persons=1)
    joints = np.zeros((1, 1, 25, 3), np.float32)
    joints[0, 0, 0], joints[0, 0, 1] = [-1, 0, 2], [0, 0, 2]
    joints[0, 0, 8], joints[0, 0, 4] = [1, -0.5, 2], [1, 0.5, 2]
    skeleton = Skeleton(joints, skeleton.joints_2d, skeleton.score, skeleton.video_frame)
    base = normalise(skeleton, NTU_25, AGCN)[:, 0, :, 0]
    np.testing.assert_allclose(base[:, 0], [0, 0, -1], atol=1e-6)
    np.testing.assert_allclose(base[:, 8], [0.5, 0, 1], atol=1e-6)
    np.testing.assert_allclose(base[:, 4], [-0.5, 0, 1], atol=1e-6)
    turned = normalise(skeleton, NTU_25, SkeletonInput(num_frames=8, x_axis="right_to_left"))[:, 0, :, 0]
    np.testing.assert_allclose(turned[:, 8], [-0.5, 0, 1], atol=1e-6)


def test_a_torso_of_coco_runs_from_the_hips_to_the_shoulders() -> None:
    """Hips 80 pixels below the shoulders, the nose 30 above them: one torso is 80 pixels, not 30."""
    joints = np.zeros((1, 1, 17, 2), np.float32)
    joints[0, 0, :5] = (50, 20)
    joints[0, 0, 5:11] = (50, 50)
    joints[0, 0, 11:] = (50, 130)
    nowhere, ones = np.full((1, 1, 17, 3), NAN, np.float32), np.ones((1, 1, 17), np.float32)
    clip = Skeleton(nowhere, joints, ones, np.zeros(1, np.int32))
    base = normalise(clip, COCO_17, CTR)[:, 0, :, 0]
    np.testing.assert_allclose(base[:, 0], [0, 0, 1], atol=1e-6)  # the nose is the origin
    np.testing.assert_allclose(base[:, 11], [0, 110 / 80, 1], atol=1e-6)


def test_metric_coco_is_stood_up_by_the_mean_of_its_hips_and_shoulders() -> None:
    joints = np.zeros((1, 1, 17, 3), np.float32)
    joints[0, 0, 11:13, 2] = 1.0
    joints[0, 0, 5], joints[0, 0, 6] = (1.0, 0.2, 1.0), (1.0, -0.2, 1.0)
    clip = Skeleton(
        joints,
        np.full((1, 1, 17, 2), NAN, np.float32),
        np.ones((1, 1, 17), np.float32),
        np.zeros(1, np.int32),
    )
    base = normalise(clip, COCO_17, AGCN)[:, 0, :, 0]
    trunk = base[:, 5:7].mean(axis=1) - base[:, 11:13].mean(axis=1)
    np.testing.assert_allclose(trunk, [0, 0, 1], atol=1e-6)
    np.testing.assert_allclose(base[:, 6] - base[:, 5], [0.4, 0, 0], atol=1e-6)


@pytest.mark.parametrize("how", [AGCN, CTR], ids=["agcn", "ctr"])
def test_bones_keep_their_lengths(how: SkeletonInput) -> None:
    skeleton = random_skeleton()
    raw = skeleton.joints_3d.transpose(3, 0, 2, 1)
    base = normalise(skeleton, NTU_25, how)
    np.testing.assert_allclose(bone_lengths(base, NTU_25), bone_lengths(raw, NTU_25), rtol=1e-4)


def test_ctr_takes_the_first_frames_centre_for_all_frames() -> None:
    skeleton = random_skeleton()
    base = normalise(skeleton, NTU_25, CTR)
    expected = skeleton.joints_3d - skeleton.joints_3d[0, 0, 1]
    np.testing.assert_allclose(base, expected.transpose(3, 0, 2, 1), atol=1e-5)


def test_pyskl_turns_as_agcn_and_keeps_ctrs_origin() -> None:
    pyskl = normalise(random_skeleton(), NTU_25, SkeletonInput(style="pyskl", num_frames=8))
    agcn, ctr = (normalise(random_skeleton(), NTU_25, how) for how in (AGCN, CTR))
    np.testing.assert_allclose(pyskl[:, 0], agcn[:, 0], atol=1e-5)
    np.testing.assert_allclose(np.linalg.norm(pyskl, axis=0), np.linalg.norm(ctr, axis=0), atol=1e-5)


def test_a_spine_without_length_turns_nothing() -> None:
    skeleton = random_skeleton(frames=1, persons=1)
    skeleton.joints_3d[..., :] = [1, 2, 3]
    assert not normalise(skeleton, NTU_25, AGCN).any()


# ---------------------------------------------------------------------------------- what is unknown


def test_empty_frames_at_the_ends_go_and_those_between_stay() -> None:
    skeleton = without(random_skeleton(frames=10), [0, 1, 5, 9], slice(None))
    base = normalise(skeleton, NTU_25, CTR)
    assert base.shape[1] == 7
    assert not base[:, 3].any()
    assert np.abs(base).sum(axis=(0, 2, 3)).astype(bool).tolist() == [
        True,
        True,
        True,
        False,
        True,
        True,
        True,
    ]


def test_a_lost_joint_is_drawn_between_its_neighbours_in_time() -> None:
    skeleton = random_skeleton(frames=5, persons=1)
    skeleton.joints_3d[1:4, 0, 7] = NAN
    skeleton.joints_3d[:, 0, 10] = NAN
    base = normalise(skeleton, NTU_25, CTR)
    np.testing.assert_allclose(base[:, 2, 7, 0], (base[:, 0, 7, 0] + base[:, 4, 7, 0]) / 2, atol=1e-6)
    assert not base[:, :, 10].any()


def test_gaps_by_hand() -> None:
    values = np.array([NAN, 2, NAN, NAN, 8, NAN]).reshape(6, 1, 1, 1)
    present = np.array([1, 1, 1, 0, 1, 1], dtype=bool).reshape(6, 1)
    filled, known = fill_gaps(values, np.isfinite(values[..., 0]), present)
    assert filled.ravel().tolist() == [2, 2, 4, 0, 8, 8]
    assert known.ravel().tolist() == [True, True, True, False, True, True]


def test_a_missing_second_person_stays_zero_and_a_late_first_one_lends_his_first_centre() -> None:
    single = normalise(random_skeleton(persons=1), NTU_25, AGCN)
    assert single.shape[-1] == 2
    assert not single[..., 1].any()
    late = without(random_skeleton(frames=6), [0, 1], 0)
    base = normalise(late, NTU_25, AGCN)
    assert not base[:, :2, :, 0].any()
    distance = np.linalg.norm(late.joints_3d[0, 1, 3] - late.joints_3d[2, 0, 1])
    assert np.linalg.norm(base[:, 0, 3, 1]) == pytest.approx(distance, rel=1e-5)


def test_a_skeleton_never_seen_is_refused() -> None:
    empty = without(random_skeleton(), slice(None), slice(None))
    with pytest.raises(SkeletonError, match="no joint is known in any of 12 frames"):
        normalise(empty, NTU_25, AGCN)
    with pytest.raises(SkeletonError, match="utd_20 has 20 joints, got 25"):
        normalise(random_skeleton(), UTD_20, AGCN)


def test_pixels_stand_in_where_no_metres_are_known() -> None:
    skeleton = random_skeleton(frames=4, persons=1)
    skeleton.joints_3d[:] = NAN
    skeleton.score[:] = 0.5
    skeleton.joints_2d[..., 1, :], skeleton.joints_2d[..., 0, :] = [100, 100], [100, 150]
    skeleton.joints_2d[..., 8, :], skeleton.joints_2d[..., 4, :] = [80, 50], [120, 50]
    base = normalise(skeleton, NTU_25, AGCN)
    np.testing.assert_allclose(base[:, 0, 0, 0], [0, 0.5, 0.5], atol=1e-6)
    np.testing.assert_allclose(base[:, 0, 4, 0], [0.2, -0.5, 0.5], atol=1e-6)
    with pytest.raises(SkeletonError, match="no joint is known"):
        normalise(skeleton, NTU_25, SkeletonInput(joints="metric"))


# ---------------------------------------------------------------------------------------- the length


def test_valid_crop_resize_equals_ctr_gcns() -> None:
    """golden.json `ctr_valid_crop_resize_p0.95_w64`, from CTR-GCN @e13d758: ramp(3, 80, 25, 2), rel 1e-4."""
    base = np.sin(0.013 * np.arange(3 * 80 * 25 * 2)).reshape(3, 80, 25, 2).astype(np.float32)
    out = window(base, SkeletonInput(style="ctr", num_frames=64, length="resize", crop_share=0.95))
    assert out.shape == (3, 64, 25, 2)
    flat = out.astype(np.float64).ravel()
    first = [0.960315, 0.962934, 0.96539, 0.967683, 0.969813, 0.971779]
    np.testing.assert_allclose(flat[:6], first, rtol=1e-4)
    weighted = flat @ np.cos(0.01 * np.arange(flat.size))
    assert [flat.sum(), np.abs(flat).sum(), weighted] == pytest.approx(
        [-18.29361, 5885.95463, -212.01945], rel=1e-4
    )


def test_four_frames_to_two_and_two_to_four() -> None:
    four = np.arange(4, dtype=np.float32).reshape(1, 4, 1, 1)
    assert crop_resize(four, 0, 4, 2).ravel().tolist() == [0.5, 2.5]
    assert crop_resize(four, 1, 3, 4).ravel().tolist() == [1, 1.25, 1.75, 2]
    with pytest.raises(SkeletonError, match="crop \\[2, 5\\)"):
        crop_resize(four, 2, 5, 2)


def test_each_person_repeats_his_own_sequence() -> None:
    base = np.zeros((1, 3, 1, 2), np.float32)
    base[0, :, 0, 0], base[0, :2, 0, 1] = [1, 2, 3], [7, 8]
    repeated = repeat_to(base, 5)
    assert repeated[0, :, 0, 0].tolist() == [1, 2, 3, 1, 2]
    assert repeated[0, :, 0, 1].tolist() == [7, 8, 7, 8, 7]


@pytest.mark.parametrize("style", ["agcn", "ctr"])
@pytest.mark.parametrize("length", ["repeat", "resize"])
@settings(deadline=None, max_examples=20)
@given(frames=st.integers(1, 30), target=st.integers(1, 30), seed=st.integers(0, 99))
def test_every_length_fits(style: str, length: str, frames: int, target: int, seed: int) -> None:
    how = SkeletonInput(style=style, length=length, num_frames=target)
    out = window(normalise(random_skeleton(seed, frames), NTU_25, how), how)
    assert out.shape == (3, target, 25, 2)
    assert np.isfinite(out).all()


def test_settings_refuse_nonsense() -> None:
    with pytest.raises(ParamError, match="num_frames"):
        SkeletonInput(num_frames=0)
    with pytest.raises(ParamError, match="crop_share"):
        SkeletonInput(crop_share=0)


# --------------------------------------------------------------------------------- turns and streams


@pytest.mark.parametrize("layout", LAYOUTS.values(), ids=LAYOUTS)
def test_every_layout_has_bones_of_its_joints(layout: Layout) -> None:
    joints = np.random.default_rng(0).normal(size=(2, 3, 4, layout.num_joints, 2)).astype(np.float32)
    assert bone(joints, layout).shape == joints.shape


def test_a_real_clip_comes_out_upright() -> None:
    """Lengths are the recording's own; the numbers are 2s-AGCN's two turns of its first frame, worked out apart."""
    from scipy.io import loadmat

    data = Path(os.environ.get("HARCACHE_REAL_DATA") or Path(__file__).parents[2] / "shared" / "data")
    file = data / "utd_mhad" / "Skeleton" / "a1_s1_t1_skeleton.mat"
    if not file.is_file():
        pytest.skip(f"UTD-MHAD is not at {data}; set HARCACHE_REAL_DATA to the folder that holds utd_mhad")
    joints = loadmat(file)["d_skel"].transpose(2, 0, 1)[:, None].astype(np.float32)
    frames = len(joints)
    nothing = np.full((frames, 1, 20, 2), NAN, np.float32)
    score = np.ones((frames, 1, 20), np.float32)
    skeleton = Skeleton(joints, nothing, score, np.arange(frames, dtype=np.int32))
    how = SkeletonInput(num_frames=64, max_persons=1, length="resize")
    assert window(normalise(skeleton, UTD_20, how), how).shape == (3, 64, 20, 1)
    first = normalise(skeleton, UTD_20, how)[:, 0, :, 0]
    np.testing.assert_allclose(first[:, 2] - first[:, 3], [0, 0, 0.0813], atol=1e-3)  # hip centre to spine
    np.testing.assert_allclose(first[:, 8] - first[:, 4], [0.3343, 0, 0], atol=1e-3)  # left to right shoulder
    assert first[2, 0] == pytest.approx(
        0.3746, abs=1e-3
    )  # of 0.537: the short bone that is stood up leans by 46 degrees against the trunk
    assert first[2, 15] == pytest.approx(-0.7897, abs=1e-3)
