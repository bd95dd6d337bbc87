"""PYSKL's pickles: read and written, both NumPys' names, splits, what survives the round trip and what can't."""

import pickle
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from tiny import one_modality, tiny_params

from cache import open_store
from pipeline.build.runner import RunOptions
from pipeline.catalog.catalog import read_catalog
from pipeline.catalog.skeletons import read_skeleton
from pipeline.datasets.pyskl.adapter import Pyskl
from pipeline.datasets.pyskl.annotations import annotation_sha256, skeleton_of
from pipeline.errors import DatasetError, ParamError, SkeletonError, VideoError
from pipeline.exchange.pyskl_export import export_pyskl
from pipeline.params.presets import load_preset
from pipeline.paths import Paths
from pipeline.skeleton.layouts import COCO_17, NTU_25
from stages import index

T = 6


def annotation(
    name: str, label: int = 0, *, axes: int = 2, joints: int = 17, people: int = 1
) -> dict[str, Any]:
    """Joint v of person m in frame t lies at (100 t + v, 10 m + 1 [, 2]); all scores 0.5."""
    keypoint = np.zeros((people, T, joints, axes), np.float32)
    keypoint[..., 0] = 100 * np.arange(T)[:, None] + np.arange(joints)
    keypoint[..., 1] = 10 * np.arange(people)[:, None, None] + 1
    if axes == 3:
        keypoint[..., 2] = 2
    return {
        "frame_dir": name, "label": label, "img_shape": (480, 640), "original_shape": (480, 640),
        "total_frames": T, "keypoint": keypoint, "keypoint_score": np.full((people, T, joints), 0.5, np.float32),
    }  # fmt: skip


NTU = [f"S001C001P00{person}R001A00{action}" for person in (1, 2, 3) for action in (1, 2)]
SPLIT = {"xsub_train": NTU[:4], "xsub_val": NTU[4:]}


def ntu_file(folder: Path, **options: Any) -> Path:
    annotations = [annotation(name, int(name[-1]) - 1, **options) for name in NTU]
    return dumped(folder / "annotations.pkl", {"split": SPLIT, "annotations": annotations})


def dumped(path: Path, content: object, protocol: int = 4) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(pickle.dumps(content, protocol=protocol))
    return path


def indexed(root: Path, name: str, **options: Any) -> Paths:
    """A project with one pickle in data/raw/<name>, after `index`."""
    params = tiny_params(**{"index.adapter": "pyskl", "index.options": options}, **one_modality("skeleton"))
    params["presets"] = {name: params["presets"]["demo"]}
    (root / "params.yaml").write_text(yaml.safe_dump(params))
    paths = Paths(root, name)
    index.run(paths, load_preset(paths.params, name), RunOptions(quiet=True))
    return paths


def test_the_adapter_tells_layout_splits_and_subjects(tmp_path: Path) -> None:
    ntu_file(tmp_path, joints=25, axes=3)
    dataset = Pyskl(tmp_path)
    assert dataset.layout is NTU_25
    assert dataset.protocols == ("xsub",)
    assert dataset.axis("xsub") == "subject"
    clips = dataset.listing().clips
    assert [clip.clip_id for clip in clips] == NTU
    assert [(clip.subject, clip.camera, clip.setup, clip.label) for clip in clips[:2]] == [
        (1, 1, 1, 0),
        (1, 1, 1, 1),
    ]
    assert [dataset.split(clip, "xsub") for clip in clips] == ["train"] * 4 + ["test"] * 2
    assert dataset.classes == ("0", "1")
    assert dataset.open_video(clips[0]).probe().num_frames == T
    with pytest.raises(VideoError, match="skeletons and no videos"):
        next(iter(dataset.open_video(clips[0]).frames([0])))


def test_folds_and_a_third_part(tmp_path: Path) -> None:
    names = ["a", "b", "c"]
    split = {
        "train1": ["a", "b"],
        "test1": ["c"],
        "train": ["a"],
        "val": ["b"],
        "test": ["c", "gone"],
        "odd": [],
    }
    dumped(tmp_path / "annotations.pkl", {"split": split, "annotations": [annotation(n) for n in names]})
    dataset = Pyskl(tmp_path, names=r"(?P<subject>x)?.")
    assert dataset.protocols == ("split", "split1")
    sides = [
        [dataset.split(clip, protocol) for clip in dataset.listing().clips] for protocol in dataset.protocols
    ]
    assert sides == [["train", "train", "test"]] * 2
    assert dataset.listing().absent == {"named in a split, not annotated": 1}
    assert (
        dataset.axis("split") == "subject"
    )  # of which there is one: `index` says so, and `pretrain` refuses


def test_one_joint_layout_by_number_or_by_name(tmp_path: Path) -> None:
    ntu_file(tmp_path)
    assert Pyskl(tmp_path).layout is COCO_17
    ntu_file(tmp_path, joints=20)
    with pytest.raises(
        ParamError,
        match=r"20 joints tell no layout: name it, one of \[\'nw_ucla_20\', \'utd_20\'\], as .* --layout",
    ):
        Pyskl(tmp_path)
    assert Pyskl(tmp_path, layout="utd_20").layout.num_joints == 20


def test_unknown_joints_spare_people_and_missing_scores() -> None:
    given = annotation("a", people=3)
    given["keypoint"][0, 2:] = 0  # the first person leaves after two frames
    given["keypoint_score"][0, 2:] = 0
    given["keypoint"][1, 0, 5] = np.nan
    given["keypoint_score"][2] = 0.9
    skeleton, flags = skeleton_of(given, COCO_17, 2)
    assert flags == {"third_body", "nan_joints"}
    np.testing.assert_array_equal(
        skeleton.joints_2d[0, :, 0], [[0, 11], [0, 21]]
    )  # persons 1 and 2: the surest
    assert np.isnan(skeleton.joints_2d[0, 0, 5]).all()
    assert skeleton.score[0, 0, 5] == 0
    assert np.isnan(skeleton.joints_3d).all()
    del given["keypoint_score"]
    alone, _ = skeleton_of({**given, "keypoint": given["keypoint"][:1]}, COCO_17, 2)
    np.testing.assert_array_equal(alone.score[:, 0].max(axis=1), [1, 1, 0, 0, 0, 0])
    np.testing.assert_array_equal(alone.present[:, 1], False)


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("keypoint", np.zeros((1, T, 16, 2)), "must be .M, T, 17, 2 or 3."),
        ("keypoint", np.zeros((T, 17, 2)), "with 4 axes"),
        ("keypoint", np.zeros((1, T, 17, 2), bool), "array of numbers"),
        ("keypoint_score", np.zeros((1, T, 16)), "keypoint_score must be"),
        ("video_frame", np.arange(T)[::-1], "rise strictly"),
        ("video_frame", np.arange(T + 1), "video_frame must be"),
        ("video_frame", np.arange(T) / 2, "whole numbers"),
    ],
)
def test_an_annotation_that_cannot_be_is_a_clips_failure(field: str, value: object, message: str) -> None:
    with pytest.raises(SkeletonError, match=message):
        skeleton_of({**annotation("a"), field: value}, COCO_17, 2)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({"split": {}, "annotations": []}, "no annotations in it"),
        ({"annotations": []}, "'split' must be a dict"),
        ("words", "'annotations' must be a list as PYSKL writes it, got no dict but str"),
        ({"split": {}, "annotations": [{"label": 1}]}, "annotation 0: 'frame_dir' must be a str"),
        ({"split": {"x_train": 3}, "annotations": [annotation("a")]}, "split 'x_train' must list frame_dirs"),
    ],
)
def test_a_file_that_is_not_pysklss_is_refused(tmp_path: Path, content: object, message: str) -> None:
    dumped(tmp_path / "annotations.pkl", content)
    with pytest.raises(DatasetError, match=message):
        Pyskl(tmp_path)


def test_a_protocol_whose_sides_overlap_is_refused_and_the_others_stand(tmp_path: Path) -> None:
    split = {**SPLIT, "x_train": NTU[:2], "x_val": NTU[1:3]}
    dumped(tmp_path / "annotations.pkl", {"split": split, "annotations": [annotation(name) for name in NTU]})
    dataset = Pyskl(tmp_path)
    assert dataset.axis("xsub") == "subject"
    with pytest.raises(
        DatasetError, match=f"1 clips, {NTU[1]} first, train and test in 'x': take another protocol"
    ):
        dataset.axis("x")


def test_what_a_split_lists_beside_names_fails_by_its_place(tmp_path: Path) -> None:
    split = {"xsub_train": [*NTU[:4], 3, None], "xsub_val": NTU[4:]}
    dumped(tmp_path / "annotations.pkl", {"split": split, "annotations": [annotation(name) for name in NTU]})
    listing = Pyskl(tmp_path).listing()
    assert len(listing.clips) == 6
    assert [place for place, _, _ in listing.failures] == ["split 'xsub_train', 4", "split 'xsub_train', 5"]


def test_a_clip_that_cannot_be_listed_is_named(tmp_path: Path) -> None:
    broken = [{**annotation("b"), "label": -1}, annotation("../../etc/passwd"), annotation("a")]
    dumped(tmp_path / "annotations.pkl", broken)
    listing = Pyskl(tmp_path, videos="videos/{frame_dir}.avi").listing()
    assert [clip.clip_id for clip in listing.clips] == ["a"]
    assert [failure[0] for failure in listing.failures] == ["../../etc/passwd", "b"]
    assert "must be a plain name" in listing.failures[0][2]


def test_index_takes_it_and_export_gives_it_back(tmp_path: Path) -> None:
    paths = Paths(tmp_path, "first")
    ntu_file(paths.raw)
    indexed(tmp_path, "first")
    out = tmp_path / "out.pkl"
    done = export_pyskl(paths, out)
    assert str(done).startswith(f"{out}: 6 annotations (xsub_train 4, xsub_val 2), ")
    given, found = (pickle.loads(path.read_bytes()) for path in (paths.raw / "annotations.pkl", out))
    assert found["split"] == given["split"]
    for one, other in zip(found["annotations"], given["annotations"], strict=True):
        assert one.keys() == other.keys()
        for name in ("frame_dir", "label", "img_shape", "original_shape", "total_frames"):
            assert one[name] == other[name]
        np.testing.assert_array_equal(one["keypoint"][:1], other["keypoint"])  # then a second, absent person
        assert not one["keypoint"][1:].any()
        np.testing.assert_array_equal(one["keypoint_score"][:1], other["keypoint_score"])


def test_frame_maps_and_unknown_joints_survive_the_round_trip(tmp_path: Path) -> None:
    """What the format holds of a skeleton: one kind of joint, scores of known ones, our two own fields."""
    first = Paths(tmp_path, "first")
    given = [annotation(name, axes=3, joints=25) for name in NTU]
    for number, one in enumerate(given):
        one["video_frame"] = np.array([0, 1, 3, 4, 6, 7], np.int64)
        one["num_video_frames"] = 9
        one["keypoint"][0, number, 4] = np.nan
    dumped(first.raw / "annotations.pkl", {"split": SPLIT, "annotations": given})
    indexed(tmp_path, "first")
    second = Paths(tmp_path, "second")
    export_pyskl(first, second.raw / "annotations.pkl", joints="3d")
    indexed(tmp_path, "second")
    stores = [open_store(paths.store("skeletons")) for paths in (first, second)]
    assert stores[0].ids == stores[1].ids == tuple(NTU)
    for clip_id in NTU:
        one, other = (read_skeleton(store, clip_id) for store in stores)
        for name in ("joints_3d", "joints_2d", "score", "video_frame"):
            np.testing.assert_array_equal(getattr(one, name), getattr(other, name), err_msg=name)
        assert one.video_frame.tolist() == [0, 1, 3, 4, 6, 7]
        assert np.isnan(one.joints_3d).any(axis=(2, 3))[:, 0].sum() == 1
    frames = [read_catalog(paths.catalog).entries[0].num_frames for paths in (first, second)]
    assert frames == [9, 9]
    with pytest.raises(DatasetError, match="has no 2d joints; its dataset may have 3d only"):
        export_pyskl(first, tmp_path / "none.pkl")
    assert not (tmp_path / "none.pkl").exists()


def test_half_precision_as_pyskl_has_it(tmp_path: Path) -> None:
    paths = Paths(tmp_path, "first")
    ntu_file(paths.raw)
    indexed(tmp_path, "first")
    export_pyskl(paths, tmp_path / "half.pkl", half=True)
    first = pickle.loads((tmp_path / "half.pkl").read_bytes())["annotations"][0]
    assert (first["keypoint"].dtype, first["keypoint_score"].dtype) == (np.float16, np.float16)
    np.testing.assert_array_equal(first["keypoint"][0], annotation("a")["keypoint"][0])  # exact below 1,024


def test_another_clips_change_leaves_a_clips_key(tmp_path: Path) -> None:
    """The pickle is one file; a clip's key holds its own annotation's digest."""
    paths = Paths(tmp_path, "first")
    path = ntu_file(paths.raw)
    before = open_store(indexed(tmp_path, "first").store("skeletons")).keys("score")
    content = pickle.loads(path.read_bytes())
    content["annotations"][2]["keypoint"][0, 0, 0] = 7
    content["annotations"][3]["label"] = 0  # a label is no part of a skeleton
    dumped(path, content)
    after = open_store(indexed(tmp_path, "first").store("skeletons")).keys("score")
    assert [name for name in NTU if before[name] != after[name]] == [NTU[2]]


def test_digests_tell_shape_type_and_place_apart() -> None:
    plain = annotation("a")
    keypoint = plain["keypoint"]
    others: list[Callable[[], dict[str, Any]]] = [
        lambda: {**plain, "keypoint": keypoint.reshape(1, T, 2, 17)},
        lambda: {**plain, "keypoint": keypoint.view(np.int32)},
        lambda: {**plain, "total_frames": T + 1},
        lambda: {**plain, "img_shape": (640, 480)},
        lambda: {**plain, "video_frame": np.arange(T)},
    ]
    digests = [annotation_sha256(plain), *(annotation_sha256(make()) for make in others)]
    assert len(set(digests)) == len(digests)
    assert annotation_sha256({**plain, "label": 5, "extra": "x"}) == digests[0]


def test_pyskl_reads_it_with_pickle_alone(tmp_path: Path) -> None:
    """A process that knows nothing of ours."""
    paths = Paths(tmp_path, "first")
    ntu_file(paths.raw)
    indexed(tmp_path, "first")
    out = tmp_path / "out.pkl"
    export_pyskl(paths, out)
    code = "import pickle, sys; d = pickle.load(open(sys.argv[1], 'rb')); print(d['annotations'][0]['keypoint'].shape)"
    ran = subprocess.run([sys.executable, "-c", code, str(out)], capture_output=True, text=True, check=False)
    assert (ran.stdout, ran.stderr) == (f"(2, {T}, 17, 2)\n", "")
