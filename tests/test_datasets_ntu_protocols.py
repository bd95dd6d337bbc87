"""NTU RGB+D's protocols and its published lists of missing skeletons."""

from pathlib import Path

import pytest

from pipeline.datasets.ntu.adapter import Ntu
from pipeline.datasets.ntu.protocols import (
    OFFICIAL_SIDES,
    XSUB_60_TRAIN,
    XSUB_120_TRAIN,
    missing_skeletons,
    ntu_split,
)
from pipeline.errors import DatasetError, ParamError
from pipeline.values import Clip


def clip(subject: int, camera: int = 1, setup: int = 1) -> Clip:
    return Clip("x", 0, "x.avi", None, subject, camera, setup)


def test_protocols_are_the_official_ones() -> None:
    # SPEC 0.1: 20 of 40 subjects train, 53 of 106
    assert (len(XSUB_60_TRAIN), len(XSUB_120_TRAIN), len(XSUB_120_TRAIN - XSUB_60_TRAIN)) == (20, 53, 33)
    assert [ntu_split(clip(subject), "xsub", 60) for subject in (1, 3, 38, 40)] == [
        "train",
        "test",
        "train",
        "test",
    ]
    assert [ntu_split(clip(subject), "xsub", 120) for subject in (103, 104, 45, 44)] == [
        "train",
        "test",
        "train",
        "test",
    ]
    assert [ntu_split(clip(1, camera), "xview", 60) for camera in (1, 2, 3)] == ["test", "train", "train"]
    assert [ntu_split(clip(1, 1, setup), "xset", 120) for setup in (1, 2, 31, 32)] == [
        "test",
        "train",
        "test",
        "train",
    ]


def test_each_protocol_has_its_axis(tmp_path: Path) -> None:
    assert {name: Ntu(tmp_path).axis(name) for name in Ntu(tmp_path).protocols} == {
        "xsub": "subject",
        "xview": "camera",
    }
    large = Ntu(tmp_path, version=120)
    assert {name: large.axis(name) for name in large.protocols} == {"xsub": "subject", "xset": "setup"}
    with pytest.raises(ParamError, match=r"got 'xviw'; did you mean 'xview'"):
        Ntu(tmp_path).axis("xviw")


def test_published_lists_are_whole() -> None:
    # SPEC 0.1: 56,880 - 302 = 56,578 and 114,480 - 535 = 113,945 usable clips
    assert (len(missing_skeletons(60)), len(missing_skeletons(120))) == (302, 535)
    assert missing_skeletons(60) < missing_skeletons(120)
    assert all(int(clip_id[-3:]) <= 60 for clip_id in missing_skeletons(60))


def test_a_whole_dataset_has_sides_as_large_as_its_owners_say(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of three clips, the whole for once, subjects 1 and 2 train and 3 tests; as many as are published, in all."""
    assert [sum(sides) for sides in OFFICIAL_SIDES[60].values()] == [56_880 - 302] * 2
    assert [sum(sides) for sides in OFFICIAL_SIDES[120].values()] == [114_480 - 535] * 2
    for subject in (1, 2, 3):
        (tmp_path / f"S001C001P{subject:03d}R001A001.skeleton").touch()
    (clip, *_) = Ntu(tmp_path).listing().clips
    monkeypatch.setitem(OFFICIAL_SIDES, 60, {"xsub": (2, 1), "xview": (2, 1)})
    assert Ntu(tmp_path).split(clip, "xsub") == "train"
    message = "ntu: xview: all 3 clips are there; expected 2 to train and 1 to test, found 0 and 3"
    with pytest.raises(DatasetError, match=message):
        Ntu(tmp_path).split(clip, "xview")
    assert Ntu(tmp_path, missing_list="none").split(clip, "xview") == "test"
