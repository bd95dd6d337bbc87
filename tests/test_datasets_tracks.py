"""Joints from MediaPipe, SLEAP and DeepLabCut in the table's column `skeleton`."""

import json
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from tiny import Project

from cache import open_store
from pipeline.catalog.skeletons import read_skeleton
from pipeline.datasets.table import movement_file
from pipeline.datasets.table.adapter import Table
from pipeline.errors import DatasetError, ParamError, SkeletonError
from pipeline.exchange.movement_export import export_poses
from pipeline.skeleton.layouts import COCO_17, MEDIAPIPE_33, NTU_25
from pipeline.values import Skeleton


def read(folder: Path, name: str, layout: str, **options: Any) -> tuple[Skeleton, frozenset[str]]:
    (folder / "table.csv").write_text(f"skeleton,label\n{name},wave\n")
    dataset = Table(folder, layout=layout, **options)
    (clip,) = dataset.listing().clips
    return dataset.read_skeleton(clip)


def landmarks(x: float, *, visibility: float = 0.75) -> list[dict[str, float]]:
    """Landmark number j at (x, j / 64): shares of the picture."""
    return [{"x": x, "y": j / 64, "z": -0.5, "visibility": visibility} for j in range(33)]


TASKS = [
    {"pose_landmarks": [landmarks(0.25), landmarks(0.75, visibility=0.5)], "pose_world_landmarks": []},
    {"pose_landmarks": [landmarks(0.75, visibility=0.5), landmarks(0.25)], "segmentation_masks": None},
]


@pytest.mark.parametrize("layout", [MEDIAPIPE_33, COCO_17], ids=lambda layout: layout.name)
def test_mediapipe_shares_become_pixels_and_people_keep_their_slot(tmp_path: Path, layout: Any) -> None:
    (tmp_path / "clip.json").write_text(json.dumps(TASKS))
    skeleton, flags = read(tmp_path, "clip.json", layout.name, frame_height=640, frame_width=320)
    knee, landmark = layout.joints.index("left_knee"), MEDIAPIPE_33.joints.index("left_knee")
    assert skeleton.joints_2d[:, :, knee].tolist() == [[[80, 10 * landmark], [240, 10 * landmark]]] * 2
    assert skeleton.score[:, :, knee].tolist() == [[0.75, 0.5]] * 2
    assert np.isnan(skeleton.joints_3d).all()
    assert flags == frozenset()


@pytest.mark.parametrize(
    "result",
    [
        {"landmarks": [landmarks(0.25)], "worldLandmarks": []},
        {"poseLandmarks": landmarks(0.25)},
        {"pose_landmarks": {"landmark": landmarks(0.25)}},
    ],
    ids=["javascript", "javascript before tasks", "a message as a dictionary"],
)
def test_mediapipe_in_each_of_its_forms(tmp_path: Path, result: dict[str, Any]) -> None:
    """The second frame shows nobody, the third says so with null."""
    (tmp_path / "clip.json").write_text(json.dumps([result, {"landmarks": []}, None, result]))
    skeleton, flags = read(tmp_path, "clip.json", "mediapipe_33", frame_height=640, frame_width=320)
    assert skeleton.present[:, 0].tolist() == [True, False, False, True]
    assert skeleton.joints_2d[3, 0, 1].tolist() == [80, 10]
    assert flags == {"no_body_frames"}


@pytest.mark.parametrize(
    ("result", "message"),
    [
        (landmarks(0.25)[:32], "32 landmarks, expected 33"),
        (landmarks(120.0), "shares of it, not pixels"),
        ([{"x": 0}] * 33, "expected MediaPipe's results"),
        (7, "expected MediaPipe's results"),
    ],
)
def test_what_is_no_pose_of_mediapipe_is_refused(tmp_path: Path, result: Any, message: str) -> None:
    (tmp_path / "clip.json").write_text(json.dumps([{"poseLandmarks": result}]))
    with pytest.raises(SkeletonError, match=rf"clip\.json: .*{message}"):
        read(tmp_path, "clip.json", "mediapipe_33")


def test_tracks_without_movement_are_refused_before_anything_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(movement_file, "find_spec", lambda _: None)
    (tmp_path / "clip.slp").write_bytes(b"")
    with pytest.raises(ParamError, match="make movement"):
        read(tmp_path, "clip.slp", "coco_17")


def test_names_are_given_for_joints_of_the_layout(tmp_path: Path) -> None:
    with pytest.raises(ParamError, match="did you mean 'left_knee'"):
        read(tmp_path, "clip.npz", "coco_17", keypoint_names={"left_kne": "lk"})


ANN, BEN = 100.0, 300.0
"""x of two people's noses; everybody's joint j lies at (x + j, 2 j)."""


def deeplabcut(path: Path, frames: int = 3) -> None:
    """Two individuals; Ben is there from the second frame on."""
    columns = [(who, joint, axis) for who in ("ann", "ben") for joint in COCO_17.joints for axis in "xyl"]
    rows = [["scorer"] + ["DLC"] * len(columns)]
    rows += [
        [head, *(column[k] for column in columns)] for k, head in enumerate(("individuals", "bodyparts"))
    ]
    rows += [["coords", *({"l": "likelihood"}.get(axis, axis) for *_, axis in columns)]]
    for frame in range(frames):
        cells = []
        for who, joint, axis in columns:
            j = COCO_17.joints.index(joint)
            x = (ANN if who == "ann" else BEN) + j
            gone = who == "ben" and frame == 0
            cells.append(
                "" if gone else str({"x": x, "y": 2.0 * j, "l": 0.5 if who == "ann" else 0.75}[axis])
            )
        rows.append([str(frame), *cells])
    path.write_text("\n".join(",".join(row) for row in rows) + "\n")


def sleap(path: Path, names: tuple[str, ...] = COCO_17.joints) -> None:
    """An analysis file: (tracks, axes, nodes, frames)."""
    tracks = np.full((2, 2, 17, 3), np.nan)
    for track, x in enumerate((ANN, BEN)):
        tracks[track, 0], tracks[track, 1] = x + np.arange(17)[:, None], 2 * np.arange(17)[:, None]
    tracks[1, :, :, 0] = np.nan
    scores = np.full((2, 17, 3), 0.5)
    scores[1] = 0.75
    with h5py.File(path, "w") as file:
        file["tracks"], file["point_scores"] = tracks, scores
        file["track_names"], file["node_names"] = [b"ann", b"ben"], [name.encode() for name in names]
        file["edge_inds"], file["edge_names"] = np.zeros((0, 2), int), np.zeros((0, 2), "S1")
        file["track_occupancy"] = np.ones((3, 2), bool)


def labels(path: Path) -> None:
    """The same as SLEAP's own labels."""
    import sleap_io as sio

    skeleton, video = sio.Skeleton(list(COCO_17.joints)), sio.Video(filename="clip.mp4", open_backend=False)
    people = {sio.Track("ann"): (ANN, 0.5), sio.Track("ben"): (BEN, 0.75)}
    frames = []
    for frame in range(3):
        found = [
            sio.PredictedInstance.from_numpy(
                np.stack([x + np.arange(17.0), 2 * np.arange(17.0)], 1),
                skeleton=skeleton, point_scores=np.full(17, score), score=1.0, track=track,
            )
            for track, (x, score) in people.items() if frame or x == ANN
        ]  # fmt: skip
        frames.append(sio.LabeledFrame(video=video, frame_idx=frame, instances=found))
    sio.Labels(frames, videos=[video], skeletons=[skeleton], tracks=list(people)).save(str(path))


def own(path: Path) -> None:
    """movement's own dataset, in seconds from frame 0 of 25 a second."""
    from movement.io import load_poses

    deeplabcut(path.with_suffix(".csv"))
    load_poses.from_dlc_file(path.with_suffix(".csv"), fps=25).to_netcdf(path)


@pytest.fixture
def movement() -> None:
    pytest.importorskip("movement", reason="make movement installs it")


@pytest.mark.filterwarnings("ignore")  # those of sleap_io's and xarray's own writing
@pytest.mark.parametrize(
    ("name", "write"), [("clip.csv", deeplabcut), ("clip.h5", sleap), ("clip.slp", labels), ("clip.nc", own)]
)
@pytest.mark.usefixtures("movement")
def test_tracks_of_each_tool_come_in_alike(tmp_path: Path, name: str, write: Callable[[Path], None]) -> None:
    """Ben is surer in all, Ann in one frame more: 3 × 0.5 and 2 × 0.75 tie, and the first named comes first."""
    write(tmp_path / name)
    skeleton, flags = read(tmp_path, name, "coco_17")
    assert skeleton.present.tolist() == [[True, False], [True, True], [True, True]]
    assert skeleton.joints_2d[2, :, 5].tolist() == [[ANN + 5, 10], [BEN + 5, 10]]
    assert skeleton.score[2, :, 5].tolist() == [0.5, 0.75]
    assert np.isnan(skeleton.joints_2d[0, 1]).all()
    assert flags == frozenset()


@pytest.mark.usefixtures("movement")
def test_names_of_ones_own_and_frames_from_one(tmp_path: Path) -> None:
    sleap(tmp_path / "clip.h5", ("Snout", *(joint.replace("_", " ").title() for joint in COCO_17.joints[1:])))
    with pytest.raises(SkeletonError, match=r"Snout, Left Eye, .*which of them is nose of layout coco_17"):
        read(tmp_path, "clip.h5", "coco_17")
    skeleton, _ = read(tmp_path, "clip.h5", "coco_17", keypoint_names={"nose": "Snout"}, max_persons=1)
    assert skeleton.joints_2d[0, 0, :2].tolist() == [[ANN, 0], [ANN + 1, 2]]
    with pytest.raises(SkeletonError, match="found -1 to 1 after first_frame"):
        read(tmp_path, "clip.h5", "coco_17", keypoint_names={"nose": "Snout"}, first_frame=1)


def hdf(path: Path) -> None:
    with h5py.File(path, "w") as file:
        file.create_group("df_with_missing")


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(
    ("name", "write", "message"),
    [
        ("clip.h5", hdf, "DeepLabCut's .h5 holds pickles"),
        ("clip.h5", lambda path: path.write_bytes(b"torn"), "expected SLEAP's"),
        ("clip.slp", lambda path: path.write_bytes(b"torn"), "expected SLEAP's"),
        ("clip.csv", lambda path: path.write_text("a,b\n1,2\n"), "expected SLEAP's"),
        ("clip.nc", lambda path: path.write_bytes(b"CDF\1"), "expected SLEAP's"),
    ],
)
@pytest.mark.usefixtures("movement")
def test_other_files_are_that_clips_failure(
    tmp_path: Path, name: str, write: Callable[[Path], None], message: str, capfd: pytest.CaptureFixture[str]
) -> None:
    write(tmp_path / name)
    with pytest.raises(SkeletonError, match=rf"clip\.\w+: .*{message}"):
        read(tmp_path, name, "coco_17")
    assert capfd.readouterr().err == ""


@pytest.mark.usefixtures("movement")
def test_reading_leaves_warnings_and_the_console_as_they_were(tmp_path: Path) -> None:
    shown = warnings.showwarning
    movement_file._movement.cache_clear()
    for module in [name for name in sys.modules if name.partition(".")[0] == "movement"]:
        del sys.modules[module]
    deeplabcut(tmp_path / "clip.csv", frames=1)
    read(tmp_path, "clip.csv", "coco_17")
    assert warnings.showwarning is shown


@pytest.mark.filterwarnings("ignore")
@pytest.mark.usefixtures("movement")
def test_poses_are_written_as_movement_has_them_and_come_back(finished: Project, tmp_path: Path) -> None:
    """Joints in pixels, scores, frames: as they were, people by how sure they are; movement's own check passes."""
    xarray = pytest.importorskip("xarray")
    from movement.validators.datasets import ValidPosesInputs

    store = open_store(finished.paths.store("skeletons"))
    done = export_poses(finished.paths, tmp_path / "out")
    assert (
        str(done) == f"{tmp_path / 'out'}: 58 clips, {sum(p.stat().st_size for p in done.files) / 1e6:.1f} MB"
    )
    for path in done.files[:6]:
        skeleton = read_skeleton(store, path.stem)
        with xarray.open_dataset(path) as dataset:
            ValidPosesInputs.validate(dataset)
            assert dataset["position"].dims == ("time", "space", "keypoints", "individuals")
            assert dataset["keypoints"].values.tolist() == list(NTU_25.joints)
            assert dataset["time"].values.tolist() == skeleton.video_frame.tolist()
            people = [int(name.removeprefix("person_")) for name in dataset["individuals"].values]
            written = np.transpose(skeleton.joints_2d[:, people], (0, 3, 2, 1))
            np.testing.assert_array_equal(dataset["position"].values, written)
        back, _ = read(tmp_path / "out", path.name, "ntu_25")
        known = np.isfinite(skeleton.joints_2d[:, people]).all(-1)
        assert np.isfinite(back.joints_2d).all(-1).sum() == known.sum()
        assert set(back.video_frame.tolist()) <= set(skeleton.video_frame.tolist())
        if people == [0]:
            rows = np.isin(skeleton.video_frame, back.video_frame)
            np.testing.assert_array_equal(back.joints_2d[:, 0], skeleton.joints_2d[rows, 0])
            np.testing.assert_array_equal(
                np.where(known[rows, 0], back.score[:, 0], 0),
                np.where(known[rows, 0], skeleton.score[rows, 0], 0),
            )
    (one,) = export_poses(finished.paths, tmp_path / "one", [done.files[0].stem]).files
    assert one.read_bytes()
    with pytest.raises(DatasetError, match="no usable clip 'nobody'"):
        export_poses(finished.paths, tmp_path / "one", ["nobody"])
