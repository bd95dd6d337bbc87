"""index with `index.pose`: whose joints are found, what is flagged, refused, named by keys, and made anew."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pose_clips
import pytest
from odd_sets import TABLE, failures, npz, project
from tiny import Project, replace_file

from cache import harstore, open_store
from models.errors import CheckpointError
from pipeline.build.failures import Summary
from pipeline.catalog.catalog import read_catalog
from pipeline.catalog.skeletons import read_flags, read_skeleton
from pipeline.errors import ParamError
from pipeline.values import Skeleton
from stages.load_params import load_params

DOTS = {"engine": "own_pose:Dots", "weights": "dots.bin", "sha256": "0" * 64}
STRIPS = {"engine": "own_pose:Strips", "weights": "dots.bin", "sha256": "0" * 64}
STARTS = ((4, 10), (24, 10), (44, 10), (64, 10), (84, 10))


def posed(
    root: Path, clips: dict[str, list[Any]], *, options: dict[str, Any] | None = None, **pose: Any
) -> Project:
    """A table of these clips, nothing run; every other one trains, every other pair shows another action."""
    made = project(root / "project")
    for name, frames in clips.items():
        pose_clips.video(made.raw / f"{name}.avi", frames)
    rows = [f"{n}.avi,{k // 2 % 2},{k},{('train', 'test')[k % 2]}" for k, n in enumerate(sorted(clips))]
    (made.raw / "table.csv").write_text("\n".join(["video,label,subject,split", *rows]) + "\n")
    (made.root / "dots.bin").write_bytes(b"")
    made.set_params(**{"index": {**TABLE, "options": options or {}, "pose": {**DOTS, **pose}}})
    return made


def changed(made: Project, **pose: Any) -> Project:
    made.set_params(**{"index": {**TABLE, "pose": {**DOTS, **pose}}})
    return made


def found(made: Project, clip_id: str) -> tuple[Skeleton, set[str]]:
    store = open_store(made.paths.store("skeletons"))
    return read_skeleton(store, clip_id), set(read_flags(store, [clip_id])[clip_id])


WALK = pose_clips.pictures((10, 8))
CLIPS = {
    "a_walk": WALK,
    "b_empty": [np.zeros_like(picture) for picture in WALK],
    "c_still": pose_clips.pictures((40, 30), step=0),
    "d_walk": pose_clips.pictures((20, 12), step=1),
}


@pytest.fixture(scope="module")
def walked(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """Four clips of one person or none, indexed. To read, not to change."""
    made = posed(tmp_path_factory.mktemp("walked"), CLIPS)
    made.run("index")
    return made


def test_the_joints_are_where_the_people_are(walked: Project) -> None:
    skeleton, flags = found(walked, "a_walk")
    x = 10 + 2 * np.arange(pose_clips.FRAMES)
    for joint in range(17):
        y = 8 + joint % 3 * pose_clips.APART
        np.testing.assert_array_equal(skeleton.joints_2d[:, 0, joint], np.stack([x, np.full_like(x, y)], 1))
    assert (skeleton.score[:, 0] == 1).all()
    assert np.isnan(skeleton.joints_3d).all()
    assert np.isnan(skeleton.joints_2d[:, 1]).all()
    assert not skeleton.score[:, 1].any()
    assert flags == set()
    assert read_catalog(walked.paths.catalog).layout == "coco_17"


def test_nobody_is_an_empty_skeleton_that_is_flagged_and_told_of(walked: Project) -> None:
    skeleton, flags = found(walked, "b_empty")
    assert not skeleton.present.any()
    assert skeleton.num_frames == pose_clips.FRAMES
    assert flags == {"nobody_found", "no_body_frames"}
    again = walked.run("index")
    assert "pose estimation found nobody in 1 clips" in str(again)
    assert (again.made, again.cached) == (0, 4)


def test_a_broken_video_is_that_clips_failure(tmp_path: Path) -> None:
    made = posed(tmp_path, CLIPS)
    whole = (made.raw / "a_walk.avi").read_bytes()
    (made.raw / "a_walk.avi").write_bytes(whole[: len(whole) // 2])
    summary = made.run("index")
    assert (summary.made, summary.failed) == (3, 1)
    assert failures(made)["a_walk"]["error"] == "VideoError"
    assert found(made, "c_still")[0].present[:, 0].all()


def test_of_five_people_the_surest_two_stay_or_those_who_move_most(tmp_path: Path) -> None:
    """One is darker, one moves twice as far."""
    frames = pose_clips.pictures(*STARTS, step=0)
    for number, frame in enumerate(frames):
        pose_clips.person(frame, 4, 10, light=120)
        frame[:, 84:] = 0
        pose_clips.person(frame, 84 + 2 * number, 10, light=200)
    clips = dict.fromkeys(("a", "b", "c", "d"), frames)
    made = posed(tmp_path, clips, detector=STRIPS)
    made.run("index")
    skeleton, flags = found(made, "a")
    assert flags == {"third_body"}
    assert skeleton.joints_2d[-1, :, 0, 0].tolist() == [24, 44]
    changed(made, detector=STRIPS, track={"rank": "motion"}, max_persons=1).run("index")
    skeleton, _ = found(made, "a")
    assert skeleton.joints_2d[-1, :, 0, 0].tolist() == [84 + 2 * 11]
    assert skeleton.score[0, 0, 0] == pytest.approx(200 / 255)
    changed(made, detector=STRIPS, max_persons=5).run("index")
    skeleton, flags = found(made, "a")
    assert flags == set()
    assert sorted(skeleton.joints_2d[0, :, 0, 0].tolist()) == [4, 24, 44, 64, 84]


def test_a_person_out_of_sight_stays_the_same_person(tmp_path: Path) -> None:
    frames = pose_clips.pictures((10, 8), step=0)
    for gone in (4, 5, 6):
        frames[gone] = np.zeros_like(frames[0])
    made = posed(tmp_path, {**CLIPS, "a_walk": frames})
    made.run("index")
    skeleton, flags = found(made, "a_walk")
    assert np.flatnonzero(~skeleton.present[:, 0]).tolist() == [4, 5, 6]
    assert flags == {"no_body_frames"}


def named(made: Project) -> dict[str, Any]:
    with harstore.open(made.paths.store("skeletons")) as store:
        document: dict[str, Any] = store.made_of("a_walk", "score")
    return document


def test_a_key_names_network_weights_boxes_and_tracking_and_no_file(walked: Project) -> None:
    document = named(walked)
    pose = document["params"]["pose"]
    assert pose.keys() == {
        "engine",
        "sha256",
        "boxes",
        "detector",
        "layout",
        "max_persons",
        "track",
        "tracking",
        "made_by",
    }
    assert pose["made_by"]["network"].keys() == {"code", "joints"}
    assert pose["track"].keys() == {
        "similarity", "min_similarity", "max_gap_frames", "duplicate", "min_score", "rank",
    }  # fmt: skip
    assert document["inputs"].keys() == {"video"}
    assert "dots.bin" not in json.dumps(document)


@pytest.mark.parametrize(
    ("change", "is_made_anew"),
    [
        ({"weights": "copy.bin"}, False),
        ({"sha256": "1" * 64}, True),
        ({"detector": STRIPS}, True),
        ({"track": {"min_score": 0.4}}, True),
        ({"max_persons": 1}, True),
    ],
)
def test_what_names_a_result_and_what_does_not(
    walked: Project, tmp_path: Path, change: dict[str, Any], is_made_anew: bool
) -> None:
    mine = walked.copy(tmp_path / "mine")
    (mine.root / "copy.bin").write_bytes(b"")
    summary: Summary = changed(mine, **change).run("index")
    assert (summary.made, summary.cached) == ((4, 0) if is_made_anew else (0, 4))


def test_an_option_of_the_detector_names_results(tmp_path: Path) -> None:
    made = posed(tmp_path, CLIPS, detector=STRIPS)
    made.run("index")
    assert named(made)["params"]["pose"]["made_by"]["detector"]["half_width"] == 6
    assert changed(made, detector={**STRIPS, "options": {"half_width": 5}}).run("index").made == 4


def test_the_stages_after_it_take_the_joints_as_any_skeletons(walked: Project, tmp_path: Path) -> None:
    mine = walked.copy(tmp_path / "mine")
    mine.run_all("sample", "crop", "heatmaps")
    maps = open_store(mine.paths.store("heatmaps"))
    assert maps.read_row("maps", "a_walk").shape[2] == 17
    assert maps.read_row("maps", "a_walk").max() > 200
    assert not maps.read_row("maps", "b_empty").any()
    box = open_store(mine.paths.store("frames")).read_row("box_r4", "b_empty")
    assert box.tolist() == [0, 0, pose_clips.WIDTH, pose_clips.HEIGHT]


def test_own_skeletons_are_set_aside(tmp_path: Path) -> None:
    """A table with skeletons and videos: the estimated joints are kept, and its files' digests name nothing."""
    made = posed(tmp_path, CLIPS)
    table = (made.raw / "table.csv").read_text().splitlines()
    for clip in CLIPS:
        npz(made.raw / f"{clip}.npz", 3)
    rows = [f"{table[0]},skeleton", *(f"{row},{row.split('.')[0]}.npz" for row in table[1:])]
    (made.raw / "table.csv").write_text("\n".join(rows) + "\n")
    made.set_params(**{"index": {**TABLE, "options": {"layout": "ntu_25"}, "pose": DOTS}})
    made.run("index")
    assert found(made, "a_walk")[0].joints_2d.shape[2:] == (17, 2)
    assert named(made)["inputs"].keys() == {"video"}


def test_a_clip_too_long_is_refused_before_it_is_looked_at(walked: Project, tmp_path: Path) -> None:
    mine = walked.copy(tmp_path / "mine")
    mine.set_params(**{"index": {**TABLE, "max_frames": 8, "pose": DOTS}})
    assert mine.run("index").failed == 4
    assert "12 video frames, more than index.max_frames = 8" in failures(mine)["a_walk"]["message"]


def test_skeletons_alone_and_depth_are_refused(walked: Project, tmp_path: Path) -> None:
    mine = walked.copy(tmp_path / "mine")
    npz(mine.raw / "one.npz", 0)
    replace_file(mine.raw / "table.csv", b"skeleton,label,split\none.npz,0,train\n")
    mine.set_params(**{"index": {**TABLE, "options": {"layout": "ntu_25"}, "pose": DOTS}})
    with pytest.raises(ParamError, match="estimates joints from colour videos, and the dataset 'demo'"):
        mine.run("index")


def test_joints_of_another_layout_are_refused(walked: Project, tmp_path: Path) -> None:
    mine = walked.copy(tmp_path / "mine")
    changed(mine, options={"joints": 26})
    with pytest.raises(ParamError, match="finds 26 joints, and the layout coco_17 has 17"):
        mine.run("index")


def test_weights_that_are_not_there_are_refused_before_the_first_clip(
    walked: Project, tmp_path: Path
) -> None:
    mine = walked.copy(tmp_path / "mine")
    changed(mine, weights="nowhere.bin")
    with pytest.raises((CheckpointError, OSError), match=r"nowhere\.bin"):
        mine.run("index")


@pytest.mark.parametrize(
    ("pose", "place", "message"),
    [
        ({"engine": "rtmlb"}, "pose.engine", "did you mean 'rtmlib'?"),
        ({"engine": "mmpose"}, "pose", "'config'"),
        ({"engine": "rtmlib", "options": {"modle": "rtmo"}}, "pose.options.modle", "did you mean 'model'?"),
        ({"engine": "rtmlib", "options": {"model": "rtmp"}}, "pose.options.model", "one of ['rtmpose'"),
        ({"layout": "coco17"}, "pose.layout", "did you mean 'coco_17'?"),
        ({"sha256": "12"}, "pose.sha256", "pattern"),
        ({"track": {"rnak": "motion"}}, "pose.track.rnak", "did you mean 'rank'?"),
        ({"detector": {**STRIPS, "engine": "yolox"}}, "pose.detector.engine", "no person detector 'yolox'"),
    ],
)
def test_params_are_refused_with_their_place(
    tmp_path: Path, pose: dict[str, Any], place: str, message: str
) -> None:
    made = project(tmp_path / "p", **{"index": {**TABLE, "pose": {**DOTS, **pose}}})
    with pytest.raises(ParamError) as caught:
        load_params(made.paths.params, "demo")
    assert f"presets.demo.index.{place}:" in str(caught.value)
    assert message in str(caught.value)


def test_a_network_looks_in_given_boxes_around_own_skeletons(tmp_path: Path) -> None:
    """Two people; the skeleton knows the right one, in every other frame."""
    frames = pose_clips.pictures((10, 8), (80, 8), step=0)
    made = posed(tmp_path, dict.fromkeys(CLIPS, frames))
    corners = np.full((6, 1, 17, 2), np.nan)
    corners[:, 0, :2] = [[76, 4], [88, 64]]
    for clip in CLIPS:
        np.savez(made.raw / f"{clip}.npz", joints_2d=corners, video_frame=np.arange(0, 12, 2))
    header, *rows = (made.raw / "table.csv").read_text().splitlines()
    rows = [f"{row},{row.split('.')[0]}.npz" for row in rows]
    (made.raw / "table.csv").write_text("\n".join([f"{header},skeleton", *rows]) + "\n")
    coco = {**TABLE, "options": {"layout": "coco_17"}}
    made.set_params(**{"index": {**coco, "pose": {**DOTS, "boxes": "skeleton"}}})
    made.run("index")
    skeleton, flags = found(made, "a_walk")
    assert skeleton.joints_2d[:, 0, 0].tolist() == [[80, 8]] * 12
    assert flags == set()
    assert named(made)["inputs"].keys() == {"video", "skeleton"}


def test_boxes_of_nobody_or_of_two_are_refused(walked: Project, tmp_path: Path) -> None:
    mine = walked.copy(tmp_path / "mine")
    changed(mine, boxes="skeleton")
    with pytest.raises(ParamError, match="has no skeletons: take a detector"):
        mine.run("index")
    changed(mine, boxes="skeleton", detector=STRIPS)
    with pytest.raises(ParamError, match="a detector finds the boxes"):
        mine.run("index")
