"""heatmaps: stored maps are what the stored joints render to."""

import numpy as np
from tiny import Project

from cache import open_store
from pipeline.skeleton.heatmaps import render
from pipeline.skeleton.layouts import LAYOUTS


def test_maps_are_the_joints_rendered(copied: Project) -> None:
    maps = open_store(copied.paths.store("heatmaps"))
    ids = list(maps.ids)
    drawn = maps.read("maps", ids)
    assert drawn.shape == (len(ids), 1, 4, 25, 16, 16)
    assert drawn.dtype == np.uint8
    assert drawn.max(axis=(1, 2, 3, 4, 5)).min() > 200  # every clip shows somebody

    copied.set_params(**{"heatmaps.store": "joints"})
    assert copied.run("heatmaps").made == len(ids)
    joints = open_store(copied.paths.store("heatmaps"))
    rule = copied.preset.heatmaps.rule(LAYOUTS["ntu_25"])
    for clip_id, expected in zip(ids, drawn, strict=True):
        cells, score = joints.read_row("grid_joints", clip_id), joints.read_row("grid_score", clip_id)
        assert np.array_equal(render(rule, cells[0], score[0]), expected[0])


def test_limbs_lie_behind_the_joints(copied: Project) -> None:
    before = open_store(copied.paths.store("heatmaps"))
    ids, joints_alone = list(before.ids), before.read("maps")
    copied.set_params(**{"heatmaps.with_limbs": True})
    copied.run("heatmaps")
    after = open_store(copied.paths.store("heatmaps"))
    with_limbs = after.read("maps", ids)
    assert with_limbs.shape[3] == 25 + len(LAYOUTS["ntu_25"].bones)
    assert np.array_equal(with_limbs[:, :, :, :25], joints_alone)
    assert with_limbs[:, :, :, 25:].any()
