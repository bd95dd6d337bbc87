"""The two real NTU RGB+D skeleton files, where they are."""

import os
from pathlib import Path

import pytest

from pipeline.datasets.ntu.skeleton_file import read_ntu_skeleton

REAL = (
    Path(os.environ.get("HARCACHE_REAL_DATA") or Path(__file__).parents[2] / "shared" / "data")
    / "ntu_skeletons"
)


@pytest.mark.skipif(not REAL.is_dir(), reason="real NTU skeletons are not here; set HARCACHE_REAL_DATA")
@pytest.mark.parametrize(
    ("name", "num_frames", "people"),
    [("S001C001P001R001A011", 82, [82, 0]), ("S001C003P008R002A058", 70, [70, 70])],
)
def test_real_skeletons_are_read(name: str, num_frames: int, people: list[int]) -> None:
    skeleton, flags = read_ntu_skeleton(REAL / f"{name}.skeleton")
    assert skeleton.score.shape == (num_frames, 2, 25)
    assert skeleton.present.sum(axis=0).tolist() == people
    assert flags == frozenset()
    known = skeleton.joints_2d[skeleton.present]
    assert known.min() >= 0
    assert known[..., 0].max() < 1920
    assert known[..., 1].max() < 1080
