"""Keypoints from elsewhere in the table's column `skeleton`: OpenPose's folders and COCO's JSON."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pipeline.datasets.table.adapter import Table
from pipeline.errors import ParamError, SkeletonError
from pipeline.skeleton.layouts import COCO_17, OPENPOSE_18, OPENPOSE_25, Layout
from pipeline.values import Skeleton

Person = list[float]


def person(layout: Layout, x: float, *, score: float = 0.9, unknown: tuple[str, ...] = ()) -> Person:
    """Joint number j of the layout at (x + j, 200 + 3 j); those `unknown` are written as zeros."""
    rows = [
        (0.0, 0.0, 0.0) if name in unknown else (x + j, 200.0 + 3 * j, score)
        for j, name in enumerate(layout.joints)
    ]
    return [number for row in rows for number in row]


def openpose(folder: Path, frames: dict[int, list[Person]], key: str = "pose_keypoints_2d") -> Path:
    """Files as `--write_json` names them; hands and faces are empty there where they were not looked for."""
    (folder / "clip").mkdir()
    for number, people in frames.items():
        content = {
            "version": 1.3,
            "people": [{"person_id": [-1], key: one, "face_keypoints_2d": []} for one in people],
        }
        (folder / "clip" / f"clip_{number:012d}_keypoints.json").write_text(json.dumps(content))
    return folder


def coco(folder: Path, content: Any) -> Path:
    (folder / "clip.json").write_text(json.dumps(content))
    return folder


def read(folder: Path, layout: str, **options: Any) -> tuple[Skeleton, frozenset[str]]:
    name = "clip.json" if (folder / "clip.json").exists() else "clip"
    (folder / "table.csv").write_text(f"skeleton,label\n{name},wave\n")
    dataset = Table(folder, layout=layout, **options)
    (clip,) = dataset.listing().clips
    assert clip.clip_id == "clip"
    return dataset.read_skeleton(clip)


def test_openpose_people_keep_their_slot_though_files_list_them_in_any_order(tmp_path: Path) -> None:
    walks = [
        [
            person(OPENPOSE_25, 100 + 2 * t),
            person(OPENPOSE_25, 500 - 2 * t, score=0.6, unknown=("left_heel",)),
        ]
        for t in range(4)
    ]
    frames = {t: people[:: 1 if t % 2 else -1] for t, people in enumerate(walks)}
    skeleton, flags = read(openpose(tmp_path, {**frames, 4: []}), "openpose_25")
    assert skeleton.score.shape == (5, 2, 25)
    np.testing.assert_allclose(
        skeleton.joints_2d[:4, :, 1, 0], [[101 + 2 * t, 501 - 2 * t] for t in range(4)]
    )
    np.testing.assert_allclose(skeleton.score[0, :, 21], [0.9, 0])
    assert np.isnan(skeleton.joints_2d[0, 1, 21]).all()
    assert np.isnan(skeleton.joints_3d).all()
    assert not skeleton.present[4].any()
    assert skeleton.video_frame.tolist() == [0, 1, 2, 3, 4]
    assert flags == {"no_body_frames", "nan_joints"}


def test_a_third_person_finds_no_slot(tmp_path: Path) -> None:
    people = [person(OPENPOSE_18, x, score=score) for x, score in ((0, 0.4), (300, 0.9), (600, 0.8))]
    skeleton, flags = read(openpose(tmp_path, {0: people, 1: people}), "openpose_18")
    np.testing.assert_allclose(skeleton.joints_2d[0, :, 0, 0], [300, 600])
    assert flags == {"third_body"}


@pytest.mark.parametrize("source", [OPENPOSE_25, OPENPOSE_18])
def test_openpose_joints_are_taken_by_name_where_the_layout_has_fewer(tmp_path: Path, source: Layout) -> None:
    skeleton, _ = read(
        openpose(tmp_path, {3: [person(source, 10)]}, "pose_keypoints"), "coco_17", first_frame=3
    )
    wanted = [10 + source.joints.index(name) for name in COCO_17.joints]
    assert skeleton.joints_2d[0, 0, :, 0].tolist() == wanted
    assert skeleton.num_frames == 1


def annotations(frames: dict[int, list[Person]]) -> list[dict[str, Any]]:
    return [
        {"image_id": 900 + t, "category_id": 1, "keypoints": one, "num_keypoints": 17}
        for t, people in frames.items()
        for one in people
    ]


FRAMES = {1: [person(COCO_17, 30, score=2)], 2: [], 3: [person(COCO_17, 33, score=1, unknown=("nose",))]}


@pytest.mark.parametrize("named", ["file_name", "frame_id", "id"])
def test_coco_annotations_know_their_frames(tmp_path: Path, named: str) -> None:
    """Frames count from 1, as ffmpeg's pictures do; the second shows nobody, and a crowd has no keypoints."""
    images: list[dict[str, Any]] = [{"id": 900 + t} for t in FRAMES]
    for image in images:
        image |= {"file_name": f"v_2/clip_2_{image['id'] - 900:05d}.jpg"} if named == "file_name" else {}
        image |= {"frame_id": image["id"] - 900} if named == "frame_id" else {}
    listed = [
        *annotations(FRAMES),
        {"image_id": 902, "iscrowd": 1, "num_keypoints": 0, "keypoints": [0] * 51},
    ]
    first = 901 if named == "id" else 1
    found, flags = read(
        coco(tmp_path, {"images": images, "annotations": listed}), "coco_17", first_frame=first
    )
    assert found.present.tolist() == [[True, False], [False, False], [True, False]]
    np.testing.assert_allclose(found.joints_2d[:, 0, 5, 0], [35, np.nan, 38])
    assert found.score[0].max() == 1
    assert found.score[2, 0, 0] == 0
    assert flags == {"no_body_frames", "nan_joints"}


def test_coco_results_name_images_by_file_or_number(tmp_path: Path) -> None:
    results = [
        {"image_id": f"{t}.jpg", "keypoints": person(COCO_17, t, score=0.7), "score": 2.1} for t in (0, 2)
    ]
    skeleton, flags = read(coco(tmp_path, results), "coco_17")
    np.testing.assert_allclose(skeleton.joints_2d[:, 0, 0, 0], [0, np.nan, 2])
    np.testing.assert_allclose(skeleton.score[0, 0], 0.7)
    assert flags == {"no_body_frames"}
    results = [{"image_id": 1, "keypoints": person(COCO_17, 0)}]
    assert read(coco(tmp_path, results), "coco_17", first_frame=1)[0].num_frames == 1


IMAGES = [{"id": 900, "file_name": "0.jpg"}]
SHARES = [number / 1000 for number in person(OPENPOSE_25, 5)]
REFUSED: dict[str, tuple[Callable[[Path], Path], str, str]] = {
    "joints that it lacks": (
        lambda f: openpose(f, {0: [person(OPENPOSE_18, 5)]}), "openpose_25",
        "joints of openpose_18, and layout openpose_25 has mid_hip, .*say layout: openpose_18",
    ),
    "shares of the picture": (lambda f: openpose(f, {0: [SHARES]}), "openpose_25", "without --keypoint_scale"),
    "MPI's 15 joints": (lambda f: openpose(f, {0: [[1.0] * 45]}), "coco_17", r"_keypoints.json: a person has 45 num"),
    "no body": (lambda f: openpose(f, {0: [[]], 1: []}), "openpose_25", "nobody is seen in any of its 2 frames"),
    "a number too large": (lambda f: openpose(f, {10**9: []}), "openpose_25", "found 1000000000 to .* first_frame"),
    "no pose": (lambda f: openpose(f, {0: [[1.0]]}, "hand"), "openpose_25", "expected OpenPose's JSON"),
    "an empty folder": (lambda f: openpose(f, {}), "openpose_25", "no file …_keypoints.json in the folder"),
    "no JSON": (lambda f: coco(f, 1), "coco_17", "expected COCO's keypoint JSON"),
    "133 joints": (
        lambda f: coco(f, [{"image_id": 0, "keypoints": [1] * 399}]), "coco_17", "399 numbers, expected 17 keypoints",
    ),
    "an image that is not listed": (
        lambda f: coco(f, {"images": IMAGES, "annotations": annotations({1: [person(COCO_17, 5)]})}), "coco_17",
        "image 901, which `images` does not list",
    ),
    "several videos": (
        lambda f: coco(f, {"images": [{"id": n, "video_id": n} for n in (1, 2)], "annotations": []}), "coco_17",
        "images of 2 videos",
    ),
    "two images of a frame": (
        lambda f: coco(f, {"images": [{"id": n, "frame_id": 0} for n in (1, 2)], "annotations": []}), "coco_17",
        "two images are one frame",
    ),
}  # fmt: skip


@pytest.mark.parametrize("what", sorted(REFUSED))
def test_what_is_refused(tmp_path: Path, what: str) -> None:
    make, layout, message = REFUSED[what]
    with pytest.raises(SkeletonError, match=message):
        read(make(tmp_path), layout)


def test_files_of_two_clips_in_a_folder_and_a_first_frame_below_0(tmp_path: Path) -> None:
    folder = openpose(tmp_path, {0: [person(OPENPOSE_25, 5)]})
    (folder / "clip" / "other_000000000001_keypoints.json").write_text('{"people": []}')
    with pytest.raises(SkeletonError, match="files of several clips, 'clip_' and 'other_'"):
        read(folder, "openpose_25")
    with pytest.raises(ParamError, match="first_frame must be 0 or more"):
        read(folder, "openpose_25", first_frame=-1)


def test_a_folder_is_named_by_all_its_files(tmp_path: Path) -> None:
    folder = openpose(tmp_path, {0: [person(OPENPOSE_25, 5)], 1: []})
    (folder / "table.csv").write_text("skeleton,label\nclip,wave\n")
    dataset = Table(folder, layout="openpose_25")
    (clip,) = dataset.listing().clips
    before = dataset.digests(clip)
    assert set(before) == {"skeleton"}
    assert dataset.open_video(clip).probe().num_frames == 2
    (folder / "clip" / "clip_000000000001_keypoints.json").write_text('{"people": [ ]}')
    assert dataset.digests(clip) != before
    assert Table(coco(folder, []), table="table.csv", layout="openpose_25").digests(clip) != before


@pytest.mark.parametrize("content", [b"", b"{", b"[1]", b'{"people": 3}', b"[" * 5000, b'[{"image_id": {}}]'])
def test_broken_json_is_the_clips_failure(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "clip.json").write_bytes(content)
    with pytest.raises(SkeletonError, match=r"clip\.json: expected COCO's keypoint JSON"):
        read(tmp_path, "coco_17")
    (tmp_path / "clip.json").unlink()
    openpose(tmp_path, {0: []})
    (tmp_path / "clip" / "clip_000000000000_keypoints.json").write_bytes(content)
    with pytest.raises(SkeletonError, match=r"_keypoints\.json: expected OpenPose's JSON"):
        read(tmp_path, "openpose_25")
