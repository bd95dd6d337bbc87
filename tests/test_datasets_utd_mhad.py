"""UTD-MHAD: projection, both modalities, partial downloads, and the real recordings."""

import os
from pathlib import Path

import av
import numpy as np
import pytest
from scipy.io import savemat

from pipeline.datasets.opened import dataset_class
from pipeline.datasets.utd_mhad.adapter import CLASSES, UtdMhad
from pipeline.datasets.utd_mhad.skeleton_file import project
from pipeline.errors import ParamError, SkeletonError
from pipeline.values import Clip
from pipeline.video.depth import depth_to_uint8, person_distance_mm

REAL = (
    Path(os.environ.get("HARCACHE_REAL_DATA") or Path(__file__).parents[2] / "shared" / "data") / "utd_mhad"
)
needs_real = pytest.mark.skipif(not REAL.is_dir(), reason="UTD-MHAD is not here; set HARCACHE_REAL_DATA")


def write_skeleton(path: Path, num_frames: int) -> np.ndarray:
    """Every joint at (0.5, 0.5, 2.8563): pixel (210, 70). Returns d_skel, (20, 3, T)."""
    joints = np.broadcast_to(np.array([0.5, 0.5, 2.8563])[None, :, None], (20, 3, num_frames)).copy()
    path.parent.mkdir(parents=True, exist_ok=True)
    savemat(path, {"d_skel": joints})
    return joints


@pytest.fixture
def one_clip(tmp_path: Path) -> Path:
    """A folder with a27_s2_t4: skeleton and depth, four frames each."""
    write_skeleton(tmp_path / "Skeleton" / "a27_s2_t4_skeleton.mat", 4)
    (tmp_path / "Depth").mkdir()
    savemat(tmp_path / "Depth" / "a27_s2_t4_depth.mat", {"d_depth": np.full((240, 320, 4), 2856, np.uint16)})
    return tmp_path


def test_joints_are_projected_as_the_depth_camera_sees_them() -> None:
    # u = 160 + 285.63 X / Z, v = 120 - 285.63 Y / Z, by hand
    points = np.array([[0, 0, 2.0], [0.5, 0.5, 2.8563], [-1.0, -0.5, 2.8563], [0, 0, -1.0], [0, 0, np.nan]])
    expected = [[160, 120], [210, 70], [60, 170], [np.nan, np.nan], [np.nan, np.nan]]
    np.testing.assert_allclose(project(points), expected)


def test_a_clip_is_read(one_clip: Path) -> None:
    dataset = UtdMhad(one_clip)
    (clip,) = dataset.listing().clips
    depth, skeleton_path = "Depth/a27_s2_t4_depth.mat", "Skeleton/a27_s2_t4_skeleton.mat"
    assert clip == Clip("a27_s2_t4", 26, depth, skeleton_path, subject=2)
    skeleton, flags = dataset.read_skeleton(clip)
    assert skeleton.score.shape == (4, 1, 20)
    assert (skeleton.score == 1).all()
    np.testing.assert_allclose(skeleton.joints_2d[3, 0, 7], (210, 70), rtol=1e-6)
    assert flags == frozenset()
    assert dataset.open_video(clip).probe().num_frames == 4
    assert dataset.sources(clip) == {"video": one_clip / depth, "skeleton": one_clip / skeleton_path}
    assert dataset.listing().absent == {
        "video missing": 0, "skeleton missing": 0, "video and skeleton missing": 860,
    }  # fmt: skip


def test_unknown_joints_and_empty_frames_are_told(one_clip: Path) -> None:
    path = one_clip / "Skeleton" / "a27_s2_t4_skeleton.mat"
    joints = write_skeleton(path, 4)
    joints[5, 0, 1] = np.nan
    joints[:, :, 2] = 0
    savemat(path, {"d_skel": joints})
    dataset = UtdMhad(one_clip)
    skeleton, flags = dataset.read_skeleton(dataset.listing().clips[0])
    assert flags == {"nan_joints", "no_body_frames"}
    assert skeleton.score.sum(axis=(1, 2)).tolist() == [20, 19, 0, 20]
    assert np.isnan(skeleton.joints_3d[1, 0, 5]).all()


@pytest.mark.parametrize("shape", [(25, 3, 4), (20, 2, 4), (20, 3)])
def test_a_skeleton_of_another_shape_is_refused(shape: tuple[int, ...], one_clip: Path) -> None:
    savemat(one_clip / "Skeleton" / "a27_s2_t4_skeleton.mat", {"d_skel": np.ones(shape)})
    dataset = UtdMhad(one_clip)
    with pytest.raises(SkeletonError, match=r"a27_s2_t4_skeleton\.mat: d_skel must be"):
        dataset.read_skeleton(dataset.listing().clips[0])


def test_nobody_at_all_is_refused(one_clip: Path) -> None:
    savemat(one_clip / "Skeleton" / "a27_s2_t4_skeleton.mat", {"d_skel": np.zeros((20, 3, 4))})
    dataset = UtdMhad(one_clip)
    with pytest.raises(SkeletonError, match="nobody is seen"):
        dataset.read_skeleton(dataset.listing().clips[0])


def test_partial_downloads_are_counted(one_clip: Path) -> None:
    (one_clip / "Depth" / "a1_s1_t1_depth.mat").touch()
    (one_clip / "Skeleton" / "a2_s1_t1_skeleton.mat").touch()
    listing = UtdMhad(one_clip).listing()
    assert [clip.clip_id for clip in listing.clips] == ["a27_s2_t4"]
    assert [(clip_id, error) for clip_id, error, _ in listing.failures] == [("a1_s1_t1", "SkeletonError")]
    assert listing.absent == {"video missing": 1, "skeleton missing": 1, "video and skeleton missing": 858}


def test_names_that_cannot_be_fail_by_name(one_clip: Path) -> None:
    for kind in ("depth", "skeleton"):
        (one_clip / f"a28_s1_t1_{kind}.mat").touch()
    listing = UtdMhad(one_clip).listing()
    assert len(listing.clips) == 1
    [(clip_id, error, reason)] = listing.failures
    assert (clip_id, error) == ("a28_s1_t1", "ClipError")
    assert "names no action 1 to 27" in reason


def test_odd_numbered_subjects_train(one_clip: Path) -> None:
    dataset = UtdMhad(one_clip)
    sides = [dataset.split(Clip("x", 0, "x", subject=subject), "cross_subject") for subject in range(1, 9)]
    assert sides == ["train", "test"] * 4
    assert dataset.axis("cross_subject") == "subject"
    with pytest.raises(ParamError, match="protocol of UTD-MHAD"):
        dataset.axis("xsub")


def test_there_are_27_classes() -> None:
    assert (len(CLASSES), len(set(CLASSES)), CLASSES[0], CLASSES[26][:5]) == (
        27, 27, "right arm swipe to the left", "squat",
    )  # fmt: skip


@pytest.fixture
def one_rgb_clip(one_clip: Path) -> Path:
    """The same clip with an RGB video of four frames, 64 x 48."""
    with av.open(str(one_clip / "a27_s2_t4_color.avi"), "w") as container:
        stream = container.add_stream("mpeg4", rate=30)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for _ in range(4):
            picture = np.full((48, 64, 3), 90, np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode(None))
    return one_clip


@pytest.mark.parametrize("ending", ["npy", "csv"])
def test_rgb_takes_the_users_joints(ending: str, one_rgb_clip: Path) -> None:
    joints = np.arange(4 * 20 * 2, dtype=float).reshape(4, 20, 2)
    joints[1, 2, 0] = np.nan
    path = one_rgb_clip / f"a27_s2_t4_joints2d.{ending}"
    if ending == "npy":
        np.save(path, joints)
    else:
        np.savetxt(path, joints.reshape(4, 40), delimiter=",")
    dataset = UtdMhad(one_rgb_clip, modality="rgb")
    (clip,) = dataset.listing().clips
    skeleton, flags = dataset.read_skeleton(clip)
    assert skeleton.joints_2d[3, 0, 19].tolist() == [158.0, 159.0]
    assert np.isnan(skeleton.joints_2d[1, 0, 2]).all()
    assert flags == {"nan_joints"}
    assert dataset.open_video(clip).probe().width == 64
    assert dataset.sources(clip)["joints2d"] == path


def test_rgb_without_joints_says_what_to_do(one_rgb_clip: Path) -> None:
    dataset = UtdMhad(one_rgb_clip, modality="rgb")
    with pytest.raises(SkeletonError, match=r"put a27_s2_t4_joints2d\.npy \(4, 20, 2\)"):
        dataset.read_skeleton(dataset.listing().clips[0])


@pytest.mark.parametrize("content", [b"", b"no npy"])
def test_torn_rgb_joints_are_refused(content: bytes, one_rgb_clip: Path) -> None:
    (one_rgb_clip / "a27_s2_t4_joints2d.npy").write_bytes(content)
    dataset = UtdMhad(one_rgb_clip, modality="rgb")
    with pytest.raises(SkeletonError, match=r"joints2d\.npy: not readable as 2-D joints"):
        dataset.read_skeleton(dataset.listing().clips[0])


def test_rgb_joints_of_another_length_are_refused(one_rgb_clip: Path) -> None:
    np.save(one_rgb_clip / "a27_s2_t4_joints2d.npy", np.zeros((5, 20, 2)))
    dataset = UtdMhad(one_rgb_clip, modality="rgb")
    with pytest.raises(SkeletonError, match=r"expected \(4, 20, 2\)"):
        dataset.read_skeleton(dataset.listing().clips[0])


def test_odd_options_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ParamError, match=r"modality must be .* did you mean 'depth'"):
        dataset_class("utd_mhad")(tmp_path, modality="deph")


@needs_real
def test_all_861_recordings_are_there() -> None:
    listing = UtdMhad(REAL).listing()
    assert len(listing.clips) == 861
    assert listing.failures == ()
    assert set(listing.absent.values()) == {0}


@needs_real
@pytest.mark.parametrize("clip_id", ["a1_s1_t1", "a9_s6_t4", "a27_s4_t4"])
def test_real_joints_lie_on_the_measured_person(clip_id: str) -> None:
    dataset = UtdMhad(REAL)
    clip = next(clip for clip in dataset.listing().clips if clip.clip_id == clip_id)
    skeleton, flags = dataset.read_skeleton(clip)
    video = dataset.open_video(clip)
    facts = video.probe()
    assert flags == frozenset()
    assert (facts.num_frames, facts.height, facts.width) == (skeleton.num_frames, 240, 320)
    u, v = np.moveaxis(skeleton.joints_2d[10, 0], -1, 0)
    assert u.min() >= 0
    assert u.max() < 320
    assert v.min() >= 0
    assert v.max() < 240
    _, frame = next(video.frames([10]))
    surface = frame[v.astype(int), u.astype(int)] / 1000
    measured = surface > 0
    assert np.mean(np.abs(surface - skeleton.joints_3d[10, 0, :, 2])[measured] < 0.25) > 0.9
    picture = depth_to_uint8(frame, person_mm=person_distance_mm(skeleton))
    assert 100 < np.median(picture[picture > 0]) < 160
