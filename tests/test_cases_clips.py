"""Rows v5, v6, s1 to s4 and s6 of the cases, splits, failures, leaks, features: one odd member fails alone."""

import hashlib
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import odd_sets
import pyarrow.parquet as pq
import pytest
from tiny import one_modality

from cache import open_store
from pipeline.catalog.catalog import read_catalog
from pipeline.datasets.clip_ids import clip_id_of, names_of_files
from pipeline.datasets.pyskl.adapter import Pyskl
from pipeline.datasets.pyskl.annotations import skeleton_of
from pipeline.datasets.table.adapter import Table
from pipeline.errors import SkeletonError
from pipeline.skeleton.layouts import COCO_17
from pipeline.video.video_files import video_ids

LONG = "A_school_hands_out_its_prizes_in_the_spring_of_2009_part_seven_shake_hands_f_cm_np2_le_med_"


def test_v5_names_that_cannot_be_ids_give_some() -> None:
    assert clip_id_of("run") == "run"
    long = [clip_id_of(f"{LONG}{number}") for number in range(1000)]
    assert len(set(long)) == 1000
    assert {len(clip_id) for clip_id in long} == {64}
    assert long[0].startswith("A_school_hands_out_its_prizes_in_the_spring_of")
    assert clip_id_of("été") == f"ete-{hashlib.sha256('été'.encode()).hexdigest()[:16]}"
    assert clip_id_of("été") == clip_id_of("e\u0301te\u0301")  # composed otherwise, as macOS writes names


def test_v5_a_table_of_odd_names_is_read_and_they_stay_beside(tmp_path: Path) -> None:
    made = odd_sets.project(tmp_path, index=odd_sets.TABLE, **one_modality("video"))
    names = [*(f"{LONG}{n}" for n in range(2)), "läufer", "plain"]
    odd_sets.table(
        made,
        [
            {"video": f"{name}.avi", "label": n % 2, "split": "train" if n < 3 else "test", "subject": n}
            for n, name in enumerate(names)
        ],
    )
    made.run_all("index", "sample")
    entries = read_catalog(made.paths.catalog).entries
    assert {entry.clip.own_name for entry in entries} == set(names)
    assert {entry.clip.name for entry in entries if entry.clip.clip_id == "plain"} == {""}
    store = open_store(made.paths.store("samples"))
    beside = dict(zip(store.ids, store.coord("name"), strict=True))
    assert beside[clip_id_of("läufer")] == b"l%C3%A4ufer"
    again = Table(made.raw).listing().clips
    assert [clip.clip_id for clip in again] == [entry.clip.clip_id for entry in entries]


def test_v6_names_that_collide_keep_apart_by_extension_then_by_folder(tmp_path: Path) -> None:
    paths = ["a/x.avi", "a/x.mp4", "a/y.avi", "b/y.avi", "z.avi"]
    assert names_of_files(paths) == dict(
        zip(paths, ["x.avi", "x.mp4", "a/y.avi", "b/y.avi", "z"], strict=True)
    )
    for name in ("x.avi", "x.mp4", "y.avi", "film.flv", "poster.png", "a.csv", "b.csv", "notes"):
        (tmp_path / name).touch()
    found = video_ids([tmp_path])
    assert sorted(found.files) == ["film", "x.avi", "x.mp4", "y"]
    assert "4 files skipped, their suffix is no video's: 2 .csv, 1 .png, 1 without suffix" in found.note
    assert sorted(video_ids([tmp_path / "notes"]).files) == ["notes"]


def old_numpys(content: object) -> bytes:
    """As NumPy before 1.20 wrote it: a dtype's align and copy are 0 and 1."""
    data = pickle.dumps(content, protocol=2)
    assert b"\x89\x88\x87" in data
    return data.replace(b"\x89\x88\x87", b"K\x00K\x01\x87")


def test_s3_pickles_of_numpy_before_1_20_are_read(tmp_path: Path) -> None:
    one = odd_sets.annotation("S001C001P001R001A001", 0)
    (tmp_path / "annotations.pkl").write_bytes(old_numpys([one]))
    dataset = Pyskl(tmp_path)
    [clip] = dataset.listing().clips
    skeleton, _ = dataset.read_skeleton(clip)
    np.testing.assert_array_equal(skeleton.joints_3d[:, :1], one["keypoint"].swapaxes(0, 1))


def test_s3_an_annotation_out_of_form_fails_alone(tmp_path: Path) -> None:
    good = odd_sets.annotation("S001C001P001R001A001", 0)
    odd: list[Any] = [
        3,
        {"label": 1},
        {**good, "frame_dir": 7},
        good,
        good,
        {**good, "frame_dir": "x", "label": 1.5},
    ]
    (tmp_path / "annotations.pkl").write_bytes(pickle.dumps({"split": {}, "annotations": odd}))
    listing = Pyskl(tmp_path).listing()
    assert [clip.clip_id for clip in listing.clips] == ["S001C001P001R001A001"]
    assert [place for place, _, _ in listing.failures] == [*(f"annotation {n}" for n in (0, 1, 2, 4)), "x"]


def test_s3_numbers_in_names_are_bounded(tmp_path: Path) -> None:
    names = [f"p{'9' * digits}" for digits in (1, 20)]
    annotations = [odd_sets.annotation(name, 0) for name in names]
    (tmp_path / "annotations.pkl").write_bytes(pickle.dumps(annotations))
    listing = Pyskl(tmp_path, names=r"p(?P<camera>\d+)").listing()
    assert [clip.camera for clip in listing.clips] == [9]
    assert "camera '99999999999999999999', which is no whole number" in listing.failures[0][2]


def test_s4_nobody_and_dicts_of_floats_spare_the_others(tmp_path: Path) -> None:
    made = odd_sets.project(tmp_path, index=odd_sets.PYSKL, **one_modality("skeleton"))
    ids = [f"S001C001P{person:03d}R001A001" for person in (1, 2, 3)]
    annotations = [odd_sets.annotation(name, 0, seed) for seed, name in enumerate(ids)]
    annotations[1]["keypoint"] = np.zeros((0, 300, 25, 3), np.float32)
    annotations[2]["valid"] = {0.5: 3, 0.6: 2}
    odd_sets.pickled(made, annotations, {"xsub_train": ids[:2], "xsub_val": ids[2:]})
    made.run("index")
    assert [entry.clip.clip_id for entry in read_catalog(made.paths.catalog).usable()] == [ids[0], ids[2]]
    assert "none of them 0, got (0, 300, 25, 3)" in odd_sets.failures(made)[ids[1]]["message"]


def test_s6_coco_with_a_third_number_is_score_or_refused() -> None:
    pixels = np.full((1, 4, 17, 2), 50.0, np.float32)
    third = np.linspace(0, 1, 4 * 17, dtype=np.float32).reshape(1, 4, 17, 1)
    one = {"keypoint": np.concatenate([pixels, third], axis=3), "total_frames": 4}
    skeleton, _ = skeleton_of(one, COCO_17, 1)
    np.testing.assert_array_equal(skeleton.score[:, 0], third[0, :, :, 0])
    assert np.isnan(skeleton.joints_3d).all()
    assert (skeleton.joints_2d[1:] == 50).all()
    for wrong in ({**one, "keypoint": one["keypoint"] * 3}, {**one, "keypoint_score": third[..., 0]}):
        with pytest.raises(SkeletonError, match="joints of coco_17 lie in the picture"):
            skeleton_of(wrong, COCO_17, 1)


def test_hmdb51_splits_leave_clips_out_and_they_are_counted(tmp_path: Path) -> None:
    options = {"names": r".*_(?P<subject>\d+)"}
    index = {**odd_sets.PYSKL, "protocol": "split1", "options": options}
    made = odd_sets.project(tmp_path, index=index, **one_modality("skeleton"))
    ids = [f"film_{'wave' if n % 2 else 'walk'}_f_nm_np1_fr_med_{n}" for n in range(8)]
    split = {"train1": ids[:4], "test1": ids[4:6], "train2": ids[2:6], "test2": ids[6:]}
    odd_sets.pickled(made, [odd_sets.annotation(name, n % 2, n) for n, name in enumerate(ids)], split)
    summary = made.run("index")
    assert "2 usable clips are unused: split1 leaves them out" in str(summary)
    catalog = read_catalog(made.paths.catalog)
    assert [entry.clip.clip_id for entry in catalog.usable("unused")] == ids[6:]
    made.run("sample")
    assert set(open_store(made.paths.store("samples")).ids) == set(ids[:6])


def test_a_table_can_say_unused(tmp_path: Path) -> None:
    made = odd_sets.project(tmp_path, index=odd_sets.TABLE, **one_modality("video"))
    sides = ("train", "train", "test", "", "unused")
    odd_sets.table(
        made, [{"video": f"v{n}.avi", "label": n % 2, "split": s, "subject": n} for n, s in enumerate(sides)]
    )
    made.run("index")
    assert pq.read_table(made.paths.catalog).to_pydict()["split"] == [
        "train",
        "train",
        "test",
        "unused",
        "unused",
    ]
