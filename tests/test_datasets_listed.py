"""UCF101, HMDB51 and ARID: the owners' layouts, their lists, official counts, and mistakes said by name."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import listed_trees
import numpy as np
import pytest
from odd_sets import project, video
from tiny import one_modality

from cache import harstore
from pipeline.catalog.catalog import read_catalog
from pipeline.datasets.arid.adapter import Arid
from pipeline.datasets.hmdb51.adapter import Hmdb51
from pipeline.datasets.listed_videos import ListedVideos, Official
from pipeline.datasets.opened import dataset_class
from pipeline.datasets.ucf101.adapter import Ucf101
from pipeline.errors import DatasetError, ParamError

MAKE: dict[str, Callable[[Path], Path]] = {
    "ucf101": listed_trees.ucf101, "hmdb51": listed_trees.hmdb51, "arid": listed_trees.arid,
}  # fmt: skip
COUNTS = {
    "ucf101": {"train": 4, "test": 2},
    "hmdb51": {"train": 4, "test": 2, "unused": 1},
    "arid": {"train": 4, "test": 2, "unused": 1},
}
OFFICIAL = {
    "ucf101": (13_320, [(9_537, 3_783), (9_586, 3_734), (9_624, 3_696)]),
    "hmdb51": (6_766, [(3_570, 1_530)] * 3),
    "arid": (3_784, [(2_288, 823), (2_252, 859), (2_259, 852)]),
}
"""Clips, and (train, test) of each split, counted in the owners' lists."""


@pytest.fixture(scope="module")
def trees(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    return {name: make(tmp_path_factory.mktemp(name)) for name, make in MAKE.items()}


def opened(name: str, root: Path) -> ListedVideos:
    return dataset_class(name)(root)  # type: ignore[return-value]


def sides(dataset: ListedVideos, protocol: str) -> dict[str, str]:
    return {clip.own_name: dataset.split(clip, protocol) for clip in dataset.listing().clips}


@pytest.mark.parametrize("name", sorted(MAKE))
def test_every_clip_is_on_the_side_that_the_lists_name(trees: dict[str, Path], name: str) -> None:
    dataset = opened(name, trees[name])
    assert dataset.listing().failures == ()
    found = list(sides(dataset, "split1").values())
    assert {side: found.count(side) for side in dict.fromkeys(found)} == COUNTS[name]
    number, splits = OFFICIAL[name]
    assert (dataset.official.num_clips, list(dataset.official.sides.values())) == (number, splits)
    (missing,) = dataset.listing().absent.values()
    assert missing == number - len(found)
    assert dataset.axis("split2") == "setup"
    with pytest.raises(ParamError, match=r"must be one of \['split1', 'split2', 'split3'\], got 'split4'"):
        dataset.split(dataset.listing().clips[0], "split4")


def test_ucf101_numbers_its_labels_as_its_list_and_its_groups_as_its_names(trees: dict[str, Path]) -> None:
    dataset = Ucf101(trees["ucf101"])
    assert dataset.classes == ("ApplyEyeMakeup", "HandstandPushups")
    clips = {clip.clip_id: clip for clip in dataset.listing().clips}
    odd = clips["v_HandStandPushups_g25_c01"]
    assert (odd.label, odd.setup) == (1, 25)
    assert odd.video == "UCF-101/HandstandPushups/v_HandStandPushups_g25_c01.avi"
    first, second = sides(dataset, "split1"), sides(dataset, "split2")
    assert {(first[name], second[name]) for name in first} == {("train", "test"), ("test", "train")}


def test_hmdb51_reads_marks_and_odd_names(trees: dict[str, Path]) -> None:
    dataset = Hmdb51(trees["hmdb51"])
    clips = {clip.own_name: clip for clip in dataset.listing().clips}
    assert clips.keys() == {key.partition("/")[2] for key in listed_trees.HMDB51}
    found = sides(dataset, "split3")
    assert found["brush_hair_#1_brush_hair_h_nm_np1_ri_med_0"] == "unused"
    assert found["Brushing_my_hair!_(2)_[HQ]_&_more;_brush_hair_u_nm_np1_fr_goo_0"] == "test"
    assert (found["été_à_Paris_walk_f_cm_np1_ba_med_2"], found[listed_trees.LONG]) == ("test", "train")
    assert clips["été_à_Paris_walk_f_cm_np1_ba_med_2"].clip_id.startswith("ete_a_Paris_walk")
    assert (clips[listed_trees.LONG].label, dataset.classes[49]) == (49, "walk")
    april = [clip.setup for name, clip in clips.items() if name.startswith("April")]
    assert april == [686_222_090] * 2  # as the program crc32 gives for April_09


def test_arid_reads_either_ending_and_leaves_out_the_third_list(trees: dict[str, Path]) -> None:
    dataset = Arid(trees["arid"])
    found = sides(dataset, "split1")
    assert (found["Drink_13_8"], found["Wave_2_14"]) == ("unused", "test")
    (clip,) = (clip for clip in dataset.listing().clips if clip.clip_id == "Wave_2_14")
    assert (clip.label, clip.setup, clip.video) == (10, 2, "clips_v1/Wave/Wave_2_14.mp4")


@pytest.mark.parametrize("name", sorted(MAKE))
def test_index_and_crop_run_on_them(trees: dict[str, Path], name: str, tmp_path: Path) -> None:
    index: dict[str, Any] = {"adapter": name, "protocol": "split1", "max_frames": 64}
    made = project(tmp_path, index=index, **one_modality("video"))
    shutil.copytree(trees[name], made.raw, dirs_exist_ok=True)
    summary = made.run("index")
    assert f"{OFFICIAL[name][0] - len(getattr(listed_trees, name.upper()))} clips of the" in summary.note
    entries = read_catalog(made.paths.catalog).entries
    assert {side: sum(e.split == side for e in entries) for side in COUNTS[name]} == COUNTS[name]
    assert all(e.usable and e.num_frames == 12 for e in entries)
    made.run_all("sample", "crop")
    with harstore.open(made.paths.store("frames")) as store:
        frames = np.asarray(store["r4"][:])
    assert frames.shape[0] == COUNTS[name]["train"] + COUNTS[name]["test"]
    assert len({row.tobytes() for row in frames}) == len(frames)


def copied(trees: dict[str, Path], name: str, root: Path) -> Path:
    shutil.copytree(trees[name], root, dirs_exist_ok=True)
    return root


def first_split(dataset: ListedVideos) -> str:
    return dataset.split(dataset.listing().clips[0], "split1")


def test_a_folder_that_is_none_of_it_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match=r"hmdb51: no folder .*gone; expected <class>/<name>\.avi"):
        Hmdb51(tmp_path / "gone").listing()
    (tmp_path / "UCF101.rar").touch()
    with pytest.raises(
        DatasetError, match=r"ucf101: no video below .*; expected UCF-101/.*, found UCF101\.rar"
    ):
        Ucf101(tmp_path).listing()


@pytest.mark.parametrize(
    ("name", "gone", "message"),
    [
        ("ucf101", "ucfTrainTestlist/trainlist01.txt", r"no trainlist01\.txt below .*found classInd\.txt, testlist01"),
        ("hmdb51", "testTrainMulti_7030_splits/kiss_test_split1.txt", r"no kiss_test_split1\.txt below"),
        ("arid", "list_cvt", r"no ARID_split1_train\.txt below .*list_cvt/ with .*, found no \.txt file"),
    ],
)  # fmt: skip
def test_a_missing_list_is_named_with_what_was_found(
    trees: dict[str, Path], name: str, gone: str, message: str, tmp_path: Path
) -> None:
    root = copied(trees, name, tmp_path)
    path = root / gone
    shutil.rmtree(path) if path.is_dir() else path.unlink()
    with pytest.raises(DatasetError, match=message):
        first_split(opened(name, root))


@pytest.mark.parametrize(
    ("name", "file", "text", "message"),
    [
        ("ucf101", "ucfTrainTestlist/classInd.txt", "1 A\n3 B\n", r"line 2: expected 2 and a class's name, got '3 B'"),
        ("ucf101", "ucfTrainTestlist/trainlist01.txt", "ApplyEyeMakeup/v.avi 2\n", r"line 1: expected <class>/.*'A"),
        ("hmdb51", "testTrainMulti_7030_splits/walk_test_split1.txt", "\na.avi 3\n", r"line 2: expected .*0, 1 or 2"),
        ("arid", "list_cvt/ARID_split1_test.txt", "0\t3\tDrink/Drink_10_1.avi\n", r"line 1: expected a number, the la"),
        ("ucf101", "ucfTrainTestlist/testlist01.txt", "ApplyEyeMakeup/v_ApplyEyeMakeup_g08_c01.avi\n", "on two sides"),
    ],
)  # fmt: skip
def test_a_line_out_of_form_is_named(
    trees: dict[str, Path], name: str, file: str, text: str, message: str, tmp_path: Path
) -> None:
    root = copied(trees, name, tmp_path)
    (root / file).write_text(text)
    with pytest.raises(DatasetError, match=message):
        first_split(opened(name, root))


def test_lists_of_other_clips_are_refused(trees: dict[str, Path], tmp_path: Path) -> None:
    root = copied(trees, "arid", tmp_path)
    for part in ("train", "test"):
        (root / f"list_cvt/ARID_split1_{part}.txt").write_text("0\t0\tDrink/Drink_99_1.avi\n")
    (root / "list_cvt/ARID_split1_test.txt").write_text("")
    with pytest.raises(
        DatasetError, match=r"of 7 clips, Drink/Drink_10_1 first, the lists name none; .*Drink_99_1"
    ):
        first_split(Arid(root))


def test_the_whole_dataset_must_split_as_its_owners_count(
    trees: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Ucf101, "official", Official(6, {"split1": (4, 2), "split2": (2, 3)}))
    dataset = Ucf101(trees["ucf101"])
    assert first_split(dataset) == "test"
    with pytest.raises(DatasetError, match="expected 2 to train and 3 to test, the lists give 2 and 4"):
        dataset.split(dataset.listing().clips[0], "split2")


def test_strays_fail_by_name(trees: dict[str, Path], tmp_path: Path) -> None:
    root = copied(trees, "arid", tmp_path)
    video(root / "clips_v1" / "Drinks" / "Drink_9_9.mp4")
    video(root / "clips_v1" / "Wave" / "Wave_1_2.avi")
    (root / "clips_v1" / "Wave" / "._Wave_3_1.mp4").write_bytes(b"a Mac's")
    failures = {clip_id: (error, reason) for clip_id, error, reason in Arid(root).listing().failures}
    assert failures.keys() == {"Drink_9_9", "Wave_1_2"}
    assert failures["Drink_9_9"][0] == "ClipError"
    assert "lies in 'Drinks', none of the 11 classes; expected <class>/" in failures["Drink_9_9"][1]
    assert "clips_v1/Wave/Wave_1_2.avi and clips_v1/Wave/Wave_1_2.mp4; keep one" in failures["Wave_1_2"][1]


def test_a_list_that_lies_there_twice_must_not_differ(trees: dict[str, Path], tmp_path: Path) -> None:
    root = copied(trees, "ucf101", tmp_path)
    (root / "old").mkdir()
    shutil.copy(root / "ucfTrainTestlist/testlist01.txt", root / "old/testlist01.txt")
    assert first_split(Ucf101(root)) == "test"
    (root / "old/testlist01.txt").write_text("")
    with pytest.raises(
        DatasetError, match=r"testlist01\.txt lies there twice and differs, old/test.* keep one"
    ):
        first_split(Ucf101(root))
