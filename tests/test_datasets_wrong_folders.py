"""Every adapter on a folder that is not its own says what it expected there, by a file's name, and what it found."""

from pathlib import Path

import pytest

from pipeline.datasets.names import DATASETS
from pipeline.datasets.opened import dataset_class
from pipeline.errors import DatasetError

EXPECTED = {
    "arid": "Drink/Drink_10_1.mp4",
    "hmdb51": "brush_hair/April_09_brush_hair_u_nm_np1_ba_goo_0.avi",
    "hmdb51_arid": "must hold hmdb51/ and arid/",
    "ntu": "S001C001P001R001A001_rgb.avi … and S001C001P001R001A001.skeleton",
    "nw_ucla": "all_sqe/a01_s01_e00_v01.json",
    "pku_mmd": "RGB_VIDEO/0002-L.avi, Skeleton/0002-L.txt, Label/0002-L.txt, and cross-subject.txt",
    "pyskl": "annotations.pkl",
    "smarthome": "mp4/Cook.Cleandishes_p02_r00_v02_c03.mp4 … and skeletonv12/",
    "table": "table.csv",
    "ucf101": "UCF-101/<class>/v_<class>_g01_c01.avi",
    "utd_mhad": "Skeleton/a1_s1_t1_skeleton.mat … and Depth/a1_s1_t1_depth.mat",
}


def listed(name: str, root: Path) -> None:
    dataset = dataset_class(name)(root)
    clips = dataset.listing().clips
    for protocol in dataset.protocols:
        for clip in clips:
            dataset.split(clip, protocol)


@pytest.mark.parametrize("name", sorted(DATASETS))
@pytest.mark.parametrize("there", [None, (), ("notes.txt",)], ids=["no folder", "empty", "another's"])
def test_it_says_what_it_expected_and_what_it_found(
    name: str, there: tuple[str, ...] | None, tmp_path: Path
) -> None:
    root = tmp_path / "data"
    if there is not None:
        root.mkdir()
        for file in there:
            (root / file).touch()
    with pytest.raises(DatasetError) as caught:
        listed(name, root)
    message = str(caught.value)
    assert message.startswith(f"{name}: ")
    assert EXPECTED[name] in message
    assert str(root) in message
    if there is not None:
        assert ("notes.txt" if there else "an empty folder") in message
