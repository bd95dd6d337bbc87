"""Toyota Smarthome: both releases of its skeletons, three protocols, 31 or 19 activities, mistakes by name."""

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from odd_sets import FRAMES, project, video

from cache import harstore
from pipeline.catalog.catalog import read_catalog
from pipeline.datasets.opened import dataset_class
from pipeline.datasets.smarthome.adapter import CLASSES, CROSS_VIEW_CLASSES, Smarthome
from pipeline.datasets.smarthome.skeleton_file import read_smarthome_skeleton
from pipeline.errors import DatasetError, ParamError, SkeletonError
from pipeline.skeleton.layouts import SMARTHOME_13

CLIPS = [
    "Cook.Cleandishes_p02_r00_v02_c03", "Cook.Cleandishes_p03_r00_v07_c04", "Cutbread_p03_r00_v10_c02",
    "Cutbread_p19_r01_v02_c05", "Walk_p03_r01_v16_c06", "Walk_p04_r01_v01_c01", "Walk_p10_r00_v03_c02",
    "WatchTV_p07_r00_v01_c05",
]  # fmt: skip


def pose2d(frame: int, person: int = 0) -> list[float]:
    """13 x, then 13 y, as LCR-Net writes them."""
    x = [20.0 + joint + frame + 5 * person for joint in range(13)]
    return [*x, *(10.0 + 2 * joint for joint in range(13))]


def pose3d(frame: int) -> list[float]:
    return [*(0.1 * joint for joint in range(13)), *(0.5 + 0.01 * frame,) * 13, *(3.0,) * 13]


def document(frames: int = FRAMES, score: bool = False) -> dict[str, Any]:
    extra = {"cumscore": 3.5} if score else {}
    people = [[{"pose2d": pose2d(n), "pose3d": pose3d(n), **extra}] for n in range(frames)]
    return {"K": 1, "njts": 13, "frames": people}


def tree(root: Path, release: str = "v1.2") -> Path:
    """mp4/ and skeletonv12/ or skeleton/, as the archives unpack."""
    folder, ending = ("skeletonv12", "_pose3d.json") if release == "v1.2" else ("skeleton", ".json")
    (root / folder).mkdir(parents=True)
    for number, name in enumerate(CLIPS):
        video(root / "mp4" / f"{name}.mp4", number)
        (root / folder / f"{name}{ending}").write_text(
            json.dumps(document(FRAMES + number % 2, release == "v1.1"))
        )
    return root


def test_a_clip_is_read(tmp_path: Path) -> None:
    dataset = dataset_class("smarthome")(tree(tmp_path))
    clips = {clip.clip_id: clip for clip in dataset.listing().clips}
    assert list(clips) == sorted(CLIPS)
    clip = clips["Cook.Cleandishes_p02_r00_v02_c03"]
    assert (clip.label, clip.subject, clip.camera) == (0, 2, 3)
    assert clip.skeleton == "skeletonv12/Cook.Cleandishes_p02_r00_v02_c03_pose3d.json"
    skeleton, flags = dataset.read_skeleton(clip)
    assert skeleton.joints_2d[3, 0, 12].tolist() == [35, 34]  # head: x 20 + 12 + 3, y 10 + 24
    np.testing.assert_allclose(skeleton.joints_3d[3, 0, 2], [0.2, 0.53, 3.0], rtol=1e-6)
    assert skeleton.score[:, 0].min() == 1
    assert not skeleton.present[:, 1].any()
    assert flags == frozenset()
    assert dataset.listing().absent["clips of the 16,115 of Toyota Smarthome"] == 16_107


def test_either_release_is_read_and_the_other_named(tmp_path: Path) -> None:
    older = Smarthome(tree(tmp_path, "v1.1"), skeletons="v1.1")
    assert len(older.listing().clips) == len(CLIPS)
    listing = Smarthome(tmp_path).listing()
    assert not listing.clips
    assert "no file of v1.2" in listing.failures[0][2]
    assert listing.failures[0][2].endswith("of v1.1: index.options.skeletons: v1.1")


def test_protocols_are_the_papers(tmp_path: Path) -> None:
    root = tree(tmp_path)
    subjects = Smarthome(root)
    sides = {clip.clip_id: subjects.split(clip, "cs") for clip in subjects.listing().clips}
    tested = {CLIPS[0], CLIPS[6]}  # people 2 and 10
    assert sides == {name: "test" if name in tested else "train" for name in CLIPS}
    assert subjects.axis("cs") == "subject"
    views = Smarthome(root, actions=19)
    assert (views.protocols, views.axis("cv1")) == (("cv1", "cv2"), "camera")
    found = {c.clip_id: (views.split(c, "cv1"), views.split(c, "cv2")) for c in views.listing().clips}
    assert found == {
        "Cutbread_p03_r00_v10_c02": ("test", "test"),
        "Cutbread_p19_r01_v02_c05": ("train", "train"),
        "Walk_p03_r01_v16_c06": ("unused", "train"),
        "Walk_p04_r01_v01_c01": ("train", "train"),
        "Walk_p10_r00_v03_c02": ("test", "test"),
    }
    assert views.listing().absent["of an activity that is none of the 19"] == 3
    assert (len(CLASSES), len(CROSS_VIEW_CLASSES), list(CLASSES)) == (31, 19, sorted(CLASSES))
    assert set(CROSS_VIEW_CLASSES) < set(CLASSES)
    clip = subjects.listing().clips[0]
    with pytest.raises(
        DatasetError, match=r"'cv2' is of 19 activities, 31 are listed: say index\.options\.actions"
    ):
        subjects.split(clip, "cv2")
    with pytest.raises(ParamError, match=r"must be one of \['cs'\], got 'xsub'"):
        subjects.axis("xsub")


def test_nobody_more_people_and_unknown_joints(tmp_path: Path) -> None:
    poses = document(5)
    poses["frames"][1] = []
    poses["frames"][2] = [{"pose2d": pose2d(2, person), "pose3d": pose3d(2)} for person in range(3)]
    poses["frames"][3][0]["pose2d"][0] = poses["frames"][3][0]["pose2d"][13] = 0  # right ankle: x and y
    path = tmp_path / "a.json"
    path.write_text(json.dumps(poses))
    skeleton, flags = read_smarthome_skeleton(path, 2)
    assert flags == {"no_body_frames", "nan_joints", "third_body"}
    assert skeleton.score.sum(axis=2).tolist() == [[13, 0], [0, 0], [13, 13], [12, 0], [13, 0]]
    assert np.isnan(skeleton.joints_2d[3, 0, SMARTHOME_13.joints.index("right_ankle")]).all()


def test_pixels_alone_are_enough(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_text(json.dumps({"frames": [[{"pose2d": pose2d(0)}], []]}))
    skeleton, _ = read_smarthome_skeleton(path, 1)
    assert np.isnan(skeleton.joints_3d).all()
    assert skeleton.score.sum() == 13


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{", "no readable JSON"),
        ("[]", "expected an entry 'frames'"),
        ('{"frames": [{}]}', "expected an entry 'frames'"),
        ('{"frames": [[]], "njts": 17}', "njts must be 13, got 17"),
        ('{"frames": [[], [{"pose2d": [1, 2]}]]}', "frame 1: pose2d must hold 26 numbers, got (2,)"),
        ('{"frames": [[7]]}', "frame 0: pose2d must hold 26 numbers, got ()"),
        ('{"frames": [[{"pose2d": [[1], [1, 2]]}]]}', "frame 0: pose2d must hold numbers"),
        ('{"frames": [[], []]}', "nobody is seen in any of its 2 frames"),
    ],
)
def test_a_skeleton_out_of_form_is_refused(tmp_path: Path, content: str, message: str) -> None:
    path = tmp_path / "Walk_p03_r01_v16_c06.json"
    path.write_text(content)
    with pytest.raises(SkeletonError, match=rf"^Walk_p03_r01_v16_c06\.json: .*{re.escape(message)}"):
        read_smarthome_skeleton(path, 2)


def test_partial_downloads_strays_and_another_folder(tmp_path: Path) -> None:
    root = tree(tmp_path / "a")
    (root / "mp4" / f"{CLIPS[0]}.mp4").unlink()
    (root / "skeletonv12" / f"{CLIPS[1]}_pose3d.json").unlink()
    video(root / "mp4" / "Fly_p03_r01_v16_c06.mp4")
    (root / "skeletonv12" / "Fly_p03_r01_v16_c06_pose3d.json").write_text(json.dumps(document()))
    listing = Smarthome(root).listing()
    assert [clip_id for clip_id, _, _ in listing.incomplete] == [CLIPS[0]]
    assert {clip_id: error for clip_id, error, _ in listing.failures} == {
        CLIPS[1]: "SkeletonError", "Fly_p03_r01_v16_c06": "ClipError",
    }  # fmt: skip
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "smarthome_rgb.zip").touch()
    with pytest.raises(
        DatasetError,
        match=r"no recording below .*expected mp4/.* and skeletonv12/.*_pose3d\.json …; found smarthome_rgb\.zip",
    ):
        Smarthome(tmp_path / "b").listing()


def test_index_crop_and_heatmaps_run_on_it(tmp_path: Path) -> None:
    index: dict[str, Any] = {
        "adapter": "smarthome",
        "protocol": "cs",
        "max_frames": 64,
        "protocol_gaps": "allow",
    }
    made = project(tmp_path, **{"index": index})
    tree(made.raw)
    made.run("index")
    catalog = read_catalog(made.paths.catalog)
    assert [e.clip.clip_id for e in catalog.entries if e.usable] == sorted(CLIPS)
    assert sum("length_mismatch" in e.flags for e in catalog.entries) == len(CLIPS) // 2
    made.run_all("sample", "crop", "heatmaps")
    with harstore.open(made.paths.store("heatmaps")) as store:
        maps = np.asarray(store["maps"][:])
    assert maps.shape[0] == len(CLIPS)
    assert (maps.reshape(len(CLIPS), -1).max(axis=1) > 0).all()
    with harstore.open(made.paths.store("frames")) as store:
        assert len(store["r4"]) == len(CLIPS)
    assert made.paths.failures.read_text() == ""
