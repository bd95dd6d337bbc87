"""Boxes from elsewhere, of COCO's JSON or a table, as four corners: pose networks look in them, crops cut them."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pose_clips
import pytest
from odd_sets import TABLE
from test_stages_pose import CLIPS, DOTS, found, posed

from cache import open_store
from pipeline.datasets.table.adapter import Table
from pipeline.errors import SkeletonError
from pipeline.pose.own_boxes import boxes_around
from pipeline.skeleton.layouts import BOX_4
from pipeline.values import Skeleton

FIRST, SECOND = (10, 20, 30, 60), (100, 20, 140, 60)
"""Left, top, right, bottom of two people; the first walks 2 pixels a frame to the right."""


def read(folder: Path, name: str, content: str, **options: Any) -> tuple[Skeleton, frozenset[str]]:
    (folder / name).write_text(content)
    (folder / "table.csv").write_text(f"skeleton,label\n{name},wave\n")
    dataset = Table(folder, layout="box_4", **options)
    (clip,) = dataset.listing().clips
    return dataset.read_skeleton(clip)


def moved(box: tuple[int, ...], by: int) -> tuple[int, ...]:
    return box[0] + by, box[1], box[2] + by, box[3]


def results() -> list[dict[str, Any]]:
    """A detector's: each frame's boxes in another order, and a dog."""
    listed = []
    for frame in range(3):
        people = [(moved(FIRST, 2 * frame), 0.9), (SECOND, 0.6)][:: 1 if frame % 2 else -1]
        for (left, top, right, bottom), score in people:
            box = [left, top, right - left, bottom - top]
            listed.append({"image_id": frame, "category_id": 1, "bbox": box, "score": score})
        listed.append({"image_id": frame, "category_id": 18, "bbox": [0, 0, 5, 5], "score": 1.0})
    return listed


def boxes(person: bool) -> str:
    lines = ["frame,left,top,right,bottom,score" + ",person" * person]
    for frame in range(3):
        for who, box, score in (("ben", SECOND, 0.6), ("ann", moved(FIRST, 2 * frame), 0.9)):
            lines.append(",".join(map(str, (frame, *box, score, *([who] * person)))))
    return "\n".join(lines) + "\n"


@pytest.mark.parametrize(
    ("name", "content"),
    [("c.json", json.dumps(results())), ("c.csv", boxes(False)), ("c.csv", boxes(True))],
)
def test_corners_of_each_person_stay_in_one_slot(tmp_path: Path, name: str, content: str) -> None:
    skeleton, flags = read(tmp_path, name, content)
    assert flags == frozenset()
    np.testing.assert_allclose(skeleton.score[:, :, 0], [[0.9, 0.6]] * 3)
    assert skeleton.joints_2d[1, 0].tolist() == [[12, 20], [32, 20], [12, 60], [32, 60]]
    assert skeleton.joints_2d[2, 1].tolist() == [[100, 20], [140, 20], [100, 60], [140, 60]]
    assert BOX_4.joints == ("left_top", "right_top", "left_bottom", "right_bottom")
    exact = boxes_around(skeleton, 3, margin=0.0)
    np.testing.assert_allclose(exact[1], [moved(FIRST, 2), SECOND])


def test_annotations_of_images_and_frames_from_one(tmp_path: Path) -> None:
    images = [{"id": 7, "file_name": "f_0001.jpg"}, {"id": 9, "file_name": "f_0002.jpg"}]
    listed = [{"image_id": 9, "bbox": [1, 2, 3, 4]}]
    skeleton, flags = read(
        tmp_path, "c.json", json.dumps({"images": images, "annotations": listed}), first_frame=1
    )
    assert flags == {"no_body_frames"}
    assert skeleton.joints_2d[1, 0].tolist() == [[1, 2], [4, 2], [1, 6], [4, 6]]


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        (
            "c.csv",
            "frame,left,top,right\n0,1,2,3\n",
            r"c\.csv: line 2 has no bottom; expected a table of boxes",
        ),
        ("c.csv", "frame,left,top,right,bottom\n0,9,2,3,4\n", r"c\.csv: line 2: a box needs left < right"),
        ("c.csv", "frame,left,top,right,bottom\nx,1,2,30,40\n", r"c\.csv: line 2: invalid literal"),
        ("c.csv", "frame,left,top,right,bottom\n0,nan,2,30,40\n", r"line 2: a box needs left < right"),
        ("c.csv", "frame,left,top,right,bottom\n", r"c\.csv: frames must be numbered .* found none"),
        ("c.csv", f"{boxes(True)}0,1,2,30,40,0.5,ann\n", r"c\.csv: person 'ann' has two boxes in frame 0"),
        ("c.json", '[{"image_id": 0, "bbox": [1, 2, 3]}]', r"c\.json: expected COCO's keypoint JSON"),
        ("c.json", '[{"image_id": 0, "bbox": [1, 2, 0, 4]}]', r"c\.json: .*a box needs left < right"),
    ],
)
def test_what_is_no_box_is_refused(tmp_path: Path, name: str, content: str, message: str) -> None:
    with pytest.raises(SkeletonError, match=message):
        read(tmp_path, name, content)


def test_a_network_looks_in_exactly_these_boxes_and_without_one_crops_cut_them(tmp_path: Path) -> None:
    """Two people are filmed, and the boxes are those of the right one; the left half of the picture is never seen."""
    frames = pose_clips.pictures((10, 8), (80, 8), step=0)
    made = posed(tmp_path, dict.fromkeys(CLIPS, frames))
    for clip in CLIPS:
        rows = [f"{frame},70,2,100,70" for frame in range(pose_clips.FRAMES)]
        (made.raw / f"{clip}.csv").write_text("\n".join(["frame,left,top,right,bottom", *rows]) + "\n")
    header, *lines = (made.raw / "table.csv").read_text().splitlines()
    lines = [f"{row},{row.split('.')[0]}.csv" for row in lines]
    (made.raw / "table.csv").write_text("\n".join([f"{header},skeleton", *lines]) + "\n")
    boxed = {**TABLE, "options": {"layout": "box_4"}}
    made.set_params(**{"index": {**boxed, "pose": {**DOTS, "boxes": "skeleton"}}})
    made.run("index")
    skeleton, _ = found(made, "a_walk")
    assert skeleton.joints_2d[:, 0, 0].tolist() == [[80, 8]] * pose_clips.FRAMES
    assert skeleton.score.shape[2] == 17
    made.set_params(**{"index": boxed})
    made.run_all("index", "sample", "crop")
    box = open_store(made.paths.store("frames")).read_row("box_r4", "a_walk")
    assert box.tolist() == [42, 0, 127, 78]
