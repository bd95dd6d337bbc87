"""Northwestern-UCLA: the JSON form that CTR-GCN reads and the original folders, one-frame clips, mistakes by name."""

import json
import re
import shutil
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from odd_sets import project
from tiny import one_modality

from cache import harstore
from pipeline.catalog.catalog import read_catalog
from pipeline.datasets.nw_ucla.adapter import NwUcla
from pipeline.datasets.nw_ucla.skeletons import bodies_of
from pipeline.datasets.opened import dataset_class
from pipeline.errors import DatasetError, ParamError, SkeletonError, VideoError

JSON_CLIPS = {
    "a01_s01_e00_v01": 12, "a12_s02_e01_v01": 9, "a01_s03_e00_v02": 12, "a02_s09_e04_v02": 1, "a12_s10_e08_v02": 12,
    "a02_s09_e04_v03": 1, "a01_s01_e00_v03": 12, "a12_s02_e01_v03": 12,
}  # fmt: skip
"""Clip to its frames; a02_s09_e04 has one, seen by cameras 2 and 3."""

FOLDERS = [
    "a01_s01_e00_v01",
    "a12_s01_e01_v01",
    "a01_s02_e00_v02",
    "a12_s02_e00_v02",
    "a01_s01_e00_v03",
    "a12_s03_e00_v03",
]


def joints(seed: int, frames: int = 12) -> np.ndarray:
    """(T, 20, 3): somebody who moves, 3 metres away."""
    still = np.random.default_rng(seed).normal(0, 0.3, (1, 20, 3)) + np.array([0, 0, 3])
    return np.asarray(still + 0.1 * np.sin(np.arange(frames) / 3)[:, None, None])


def all_sqe(root: Path) -> Path:
    (root / "all_sqe").mkdir(parents=True)
    for seed, (name, frames) in enumerate(JSON_CLIPS.items()):
        document = {"file_name": name, "skeletons": joints(seed, frames).tolist(), "label": int(name[1:3])}
        (root / "all_sqe" / f"{name}.json").write_text(json.dumps(document))
    return root


def text_of(body: np.ndarray, number: str) -> str:
    return "".join([f"{number}\n", *(f"{x:.6f},{y:.6f},{z:.6f},2\n" for x, y, z in body)])


def recording(folder: Path, seed: int, frames: int = 6) -> Path:
    """A picture and a text for each frame, numbered from 1 and with gaps, as frames were dropped; and the list."""
    folder.mkdir(parents=True)
    lines = []
    for place, body in enumerate(joints(seed, frames)):
        stem = f"frame_{1 + 3 * place}_tc_{33 * place}"
        picture = np.full((48, 64, 3), (20 + seed * 30 % 200, 90, 10 + place * 8), np.uint8)
        cv2.imwrite(str(folder / f"{stem}_rgb.jpg"), picture)
        cv2.imwrite(str(folder / f"{stem}_depth.png"), np.zeros((48, 64), np.uint16))
        (folder / f"{stem}_skeletons.txt").write_text(text_of(body, "3"))
        lines.append(f"{1 + 3 * place} {33 * place}\n")
    (folder / "fileList.txt").write_text("".join(lines))
    return folder


def multiview(root: Path) -> Path:
    for seed, name in enumerate(FOLDERS):
        recording(root / "multiview_action" / f"view_{name[-1]}" / name[:-4], seed)
    return root


def test_the_json_form_is_read(tmp_path: Path) -> None:
    dataset = dataset_class("nw_ucla")(all_sqe(tmp_path))
    clips = {clip.clip_id: clip for clip in dataset.listing().clips}
    assert clips.keys() == JSON_CLIPS.keys()
    clip = clips["a12_s10_e08_v02"]
    assert (clip.label, clip.subject, clip.camera, clip.skeleton) == (
        9,
        10,
        2,
        "all_sqe/a12_s10_e08_v02.json",
    )
    assert dataset.classes[9] == "carry"
    skeleton, flags = dataset.read_skeleton(clip)
    np.testing.assert_allclose(skeleton.joints_3d[:, 0], joints(4), rtol=1e-6)
    assert np.isnan(skeleton.joints_2d).all()
    assert (skeleton.score == 1).all()
    assert (flags, dataset.modality) == (frozenset(), "none")
    single, _ = dataset.read_skeleton(clips["a02_s09_e04_v03"])
    assert single.num_frames == dataset.open_video(clips["a02_s09_e04_v03"]).probe().num_frames == 1
    assert dataset.digests(clip) == {}
    assert dataset.listing().absent == {"clips of the 1,484 of Northwestern-UCLA Multiview Action 3D": 1_476}


def test_each_camera_tests_once(tmp_path: Path) -> None:
    dataset = NwUcla(all_sqe(tmp_path))
    first = {clip.camera: clip for clip in dataset.listing().clips}
    sides = {p: [dataset.split(first[camera], p) for camera in (1, 2, 3)] for p in dataset.protocols}
    assert sides == {
        "cross_view": ["train", "train", "test"],
        "cross_view_test_1": ["test", "train", "train"],
        "cross_view_test_2": ["train", "test", "train"],
    }
    assert dataset.axis("cross_view") == "camera"
    with pytest.raises(ParamError, match="did you mean 'cross_view'"):
        dataset.split(first[1], "crossview")


def test_the_folders_are_read_frame_by_frame(tmp_path: Path) -> None:
    dataset = NwUcla(multiview(tmp_path), form="folders")
    folder = tmp_path / "multiview_action" / "view_1" / "a01_s01_e00"
    (folder / "frame_4_tc_33_skeletons.txt").write_text("")  # nobody
    (folder / "frame_7_tc_66_skeletons.txt").unlink()
    both = text_of(joints(9)[0], "5") + text_of(joints(0)[3], "3")
    (folder / "frame_10_tc_99_skeletons.txt").write_text(both)
    clip = dataset.listing().clips[0]
    assert (clip.clip_id, clip.video) == ("a01_s01_e00_v01", "multiview_action/view_1/a01_s01_e00")
    skeleton, flags = dataset.read_skeleton(clip)
    assert skeleton.score[:, 0].mean(axis=1).tolist() == [1, 0, 0, 1, 1, 1]
    np.testing.assert_allclose(skeleton.joints_3d[3, 0], joints(0)[3], atol=1e-5)
    assert flags == {"no_body_frames", "third_body"}
    video = dataset.open_video(clip)
    facts = video.probe()
    assert (facts.num_frames, facts.height, facts.width) == (6, 48, 64)
    shades = [frame[:, :, 0].mean() for _, frame in video.frames([0, 2, 5])]
    assert shades == pytest.approx([10, 26, 50], abs=2)


def test_a_folder_is_one_source_for_each_kind(tmp_path: Path) -> None:
    dataset = NwUcla(multiview(tmp_path), form="folders")
    clip = dataset.listing().clips[0]
    before = dataset.digests(clip)
    folder = dataset.sources(clip)["video"]
    (folder / "fileList.txt").write_text("")
    assert dataset.digests(clip) == before
    (folder / "frame_1_tc_0_skeletons.txt").write_text(text_of(joints(8)[0], "3") + "\n")
    after = dataset.digests(clip)
    assert (after["video"], after["skeleton"] == before["skeleton"]) == (before["video"], False)


@pytest.mark.parametrize("form", ["json", "folders"])
def test_index_runs_on_it_and_crop(tmp_path: Path, form: str) -> None:
    index: dict[str, Any] = {
        "adapter": "nw_ucla", "protocol": "cross_view", "max_frames": 64, "options": {"form": form},
    }  # fmt: skip
    there = one_modality("skeleton") if form == "json" else {}
    made = project(tmp_path, **{"index": index, "crop.recipes.r4.box": {"rule": "frame"}, **there})
    (all_sqe if form == "json" else multiview)(made.raw)
    made.run("index")
    catalog = read_catalog(made.paths.catalog)
    names = JSON_CLIPS if form == "json" else FOLDERS
    assert {e.clip.clip_id for e in catalog.entries if e.usable} == set(names)
    assert (catalog.layout, catalog.axis) == ("nw_ucla_20", "camera")
    made.run_all("sample", "crop", "heatmaps")
    with harstore.open(made.paths.store("frames")) as store:
        assert len(store["r4"]) == (0 if form == "json" else len(FOLDERS))  # skeletons alone
    assert made.paths.failures.read_text() == ""


def test_the_other_form_is_named(tmp_path: Path) -> None:
    with pytest.raises(
        DatasetError, match=r"'json' below .*; the form 'folders' is there: say index\.options\.form"
    ):
        NwUcla(multiview(tmp_path / "a")).listing()
    with pytest.raises(DatasetError, match=r"expected multiview_action/view_1/.*; the form 'json' is there"):
        NwUcla(all_sqe(tmp_path / "b"), form="folders").listing()
    (tmp_path / "c").mkdir()
    (tmp_path / "c" / "all_sqe.zip").touch()
    with pytest.raises(DatasetError, match=r"expected all_sqe/a01_s01_e00_v01\.json .*found all_sqe\.zip"):
        NwUcla(tmp_path / "c").listing()


def test_partial_folders_and_wrong_names_are_told(tmp_path: Path) -> None:
    root = multiview(tmp_path) / "multiview_action"
    for path in (root / "view_1" / "a01_s01_e00").glob("*.txt"):
        path.unlink()
    for path in (root / "view_2" / "a01_s02_e00").glob("*.jpg"):
        path.unlink()
    shutil.copytree(root / "view_3" / "a01_s01_e00", root / "view_3" / "a07_s01_e00")
    listing = NwUcla(tmp_path, form="folders").listing()
    assert [clip_id for clip_id, _, _ in listing.incomplete] == ["a01_s02_e00_v02"]
    failed = {clip_id: reason for clip_id, _, reason in listing.failures}
    assert failed.keys() == {"a01_s01_e00_v01", "a07_s01_e00_v03"}
    assert "names none of the actions [1, 2, 3, 4, 5, 6, 8, 9, 11, 12]" in failed["a07_s01_e00_v03"]


def test_the_whole_must_have_its_owners_numbers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pipeline.datasets.nw_ucla.adapter.NUM_CLIPS", 8)
    with pytest.raises(
        DatasetError, match="expected 1,020 of cameras 1 and 2 and 464 of camera 3, found 5 and 3"
    ):
        NwUcla(all_sqe(tmp_path)).listing()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{", "expected JSON with 'skeletons'"),
        ("[1]", "expected JSON with 'skeletons'"),
        ('{"skeletons": [[[1, 2]]]}', "must be (T, 20, 3), got (1, 1, 2)"),
        ('{"skeletons": []}', "must be (T, 20, 3), got (0,)"),
        (json.dumps({"skeletons": np.zeros((2, 20, 3)).tolist()}), "nobody is seen in any of its 2 frames"),
    ],
)
def test_json_out_of_form_is_refused(tmp_path: Path, content: str, message: str) -> None:
    dataset = NwUcla(all_sqe(tmp_path))
    clip = dataset.listing().clips[0]
    (tmp_path / str(clip.skeleton)).write_text(content)
    with pytest.raises(SkeletonError, match=rf"a01_s01_e00_v01\.json: .*{re.escape(message)}"):
        dataset.read_skeleton(clip)


def test_texts_and_pictures_out_of_form_are_refused(tmp_path: Path) -> None:
    with pytest.raises(
        SkeletonError, match="f: expected 21 lines a body, its number and 20 joints, got 20 lines"
    ):
        bodies_of(text_of(joints(0)[0, :19], "1"), "f")
    with pytest.raises(SkeletonError, match=r"f: expected a joint as x,y,z,…, got '0\.1;0\.2'"):
        bodies_of(text_of(joints(0)[0, :19], "1") + "0.1;0.2\n", "f")
    dataset = NwUcla(multiview(tmp_path), form="folders")
    clip = dataset.listing().clips[0]
    folder = dataset.sources(clip)["video"]
    (folder / "frame_4_tc_33_rgb.jpg").write_bytes(b"no picture")
    cv2.imwrite(str(folder / "frame_7_tc_66_rgb.jpg"), np.zeros((10, 10, 3), np.uint8))
    with pytest.raises(VideoError, match=r"frame_4_tc_33_rgb\.jpg: no picture could be decoded"):
        list(dataset.open_video(clip).frames([0, 1]))
    with pytest.raises(VideoError, match=r"frame_7_tc_66_rgb\.jpg is \(10, 10\), others are \(48, 64\)"):
        list(dataset.open_video(clip).frames([0, 2]))
    with pytest.raises(VideoError, match="holds 6 pictures, frame 6 is wanted"):
        list(dataset.open_video(clip).frames([6]))
