"""Heatmaps: the official figures, a dense float64 rendering of the definition, and the peers' known bugs."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from pipeline.errors import ParamError, SkeletonError
from pipeline.params.params import HeatmapParams
from pipeline.skeleton.heatmaps import Canvas, HeatmapRule, flip_heatmaps, flip_order, render, to_grid
from pipeline.skeleton.layouts import COCO_17, LAYOUTS, NTU_25, Layout
from pipeline.values import Box

OFFICIAL = json.loads(Path(__file__).with_name("golden_heatmaps.json").read_text())
CHAIN = ((0, 1), (1, 2), (2, 3))
BOTH = HeatmapRule(bones=CHAIN, with_joints=True, with_limbs=True)


def walkers(
    seed: int, size: tuple[int, int], people: int = 2
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """(3, M, 4, 2) joints in and around the grid, and their scores, some of them absent."""
    rng = np.random.default_rng(seed)
    joints = rng.uniform(-0.2, 1.2, (3, people, 4, 2)) * size[::-1]
    score = rng.uniform(0, 1, joints.shape[:3]) * (rng.random(joints.shape[:3]) > 0.2)
    return joints.astype(np.float32), score.astype(np.float32)


def segment_heat(
    rule: HeatmapRule, a: NDArray[np.float64], b: NDArray[np.float64], weight: float
) -> NDArray[np.float64]:
    """(H, W): the definition, cell by cell, in float64; a joint is a segment from itself to itself."""
    y, x = np.mgrid[: rule.size[0], : rule.size[1]].astype(np.float64)
    along, length2 = b - a, max(((b - a) ** 2).sum(), 1e-12)
    share = np.clip(((x - a[0]) * along[0] + (y - a[1]) * along[1]) / length2, 0, 1)
    distance2 = (x - a[0] - share * along[0]) ** 2 + (y - a[1] - share * along[1]) ** 2
    low, high, reach = np.float32(np.minimum(a, b)), np.float32(np.maximum(a, b)), np.float32(3 * rule.sigma)
    (left, top), (right, bottom) = np.trunc(low - reach), np.trunc(high + reach)
    inside = (x >= left) & (x <= right) & (y >= top) & (y <= bottom)
    return weight * np.exp(-distance2 / (2 * rule.sigma**2)) * inside


def slowly(rule: HeatmapRule, joints: NDArray[np.float32], score: NDArray[np.float32]) -> NDArray[np.float64]:
    """What `render` must give, one joint and one limb at a time."""
    num_frames, people, num_joints = score.shape
    maps = np.zeros((num_frames, num_joints + len(rule.bones), *rule.size))
    there = score >= rule.min_score
    for t, m in np.ndindex(num_frames, people):
        points = joints[t, m].astype(np.float64)
        for v in np.flatnonzero(there[t, m]):
            heat = segment_heat(rule, points[v], points[v], score[t, m, v])
            maps[t, v] = np.maximum(maps[t, v], heat)
        for limb, (a, b) in enumerate(rule.bones, start=num_joints):
            if there[t, m, a] and there[t, m, b]:
                short = ((points[a] - points[b]) ** 2).sum() < 1
                end, weight = (a, score[t, m, a]) if short else (b, min(score[t, m, a], score[t, m, b]))
                maps[t, limb] = np.maximum(maps[t, limb], segment_heat(rule, points[a], points[end], weight))
    return maps


def test_float32_maps_have_the_official_figures() -> None:
    joints = (28 + 27 * np.sin(0.77 * np.arange(204))).reshape(2, 3, 17, 2).astype(np.float32)
    score = (0.6 + 0.4 * np.cos(1.3 * np.arange(102))).reshape(2, 3, 17).astype(np.float32)
    maps = render(HeatmapRule(), joints.swapaxes(0, 1), score.swapaxes(0, 1))
    exact = maps.astype(np.float64).ravel()
    assert maps.shape == tuple(OFFICIAL["shape"])
    assert maps.dtype == np.float32
    assert exact[:6].tolist() == OFFICIAL["first"]
    assert exact.sum() == pytest.approx(OFFICIAL["sum"], abs=1e-5)
    assert np.abs(exact).sum() == pytest.approx(OFFICIAL["abs_sum"], abs=1e-5)
    assert (exact * np.cos(0.01 * np.arange(exact.size))).sum() == pytest.approx(
        OFFICIAL["dot_cos"], abs=1e-5
    )


@settings(max_examples=40, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    size=st.tuples(st.integers(1, 40), st.integers(1, 40)),
    sigma=st.sampled_from([0.6, 1.5, 4.0]),
    people=st.integers(1, 3),
)
def test_any_skeleton_is_drawn_as_defined(
    seed: int, size: tuple[int, int], sigma: float, people: int
) -> None:
    rule = replace(BOTH, size=size, sigma=sigma)
    joints, score = walkers(seed, size, people)
    maps = render(rule, joints, score)
    assert np.abs(maps - slowly(rule, joints, score)).max() < 3e-6


def test_one_joint_worked_out_by_hand() -> None:
    joints, score = np.array([[[[2.0, 1.0]]]], np.float32), np.array([[[0.5]]], np.float32)
    [[heat]] = render(HeatmapRule(size=(4, 5)), joints, score)
    near, far = 0.5 * np.exp(-1 / 0.72), 0.5 * np.exp(-2 / 0.72)
    brink = 0.5 * np.exp(-4 / 0.72)  # int(2 - 1.8) = 0 is written, int(2 + 1.8) + 1 = 4 is not
    assert heat[1] == pytest.approx([brink, near, 0.5, near, 0.0])
    assert heat[0] == pytest.approx([brink * near / 0.5, far, near, far, 0.0])
    assert not heat[3].any()


def test_joints_and_limbs_lie_in_blocks_of_their_own() -> None:
    joints, score = walkers(1, BOTH.size)
    both = render(BOTH, joints, score)
    assert both.shape[1] == 4 + 3
    assert np.array_equal(both[:, :4], render(replace(BOTH, with_limbs=False), joints, score))
    assert np.array_equal(both[:, 4:], render(replace(BOTH, with_joints=False), joints, score))
    assert both[:, 4:].any()


def test_people_are_merged_by_maximum() -> None:
    joints, score = walkers(2, BOTH.size)
    alone = [render(BOTH, joints[:, [m]], score[:, [m]]) for m in range(2)]
    assert np.array_equal(render(BOTH, joints, score), np.maximum(*alone))


def test_a_limb_shorter_than_a_cell_is_its_first_joint() -> None:
    joints = np.array([[[[10, 10], [10.5, 10.5]]]], np.float32)
    score = np.array([[[0.9, 0.3]]], np.float32)
    maps = render(HeatmapRule(bones=((0, 1),), with_limbs=True), joints, score)
    assert np.array_equal(maps[0, 2], maps[0, 0])


def test_without_scores_each_joint_that_is_there_peaks_at_one() -> None:
    joints = np.array([[[[10, 10], [20, 20]]]], np.float32)
    score = np.array([[[0.4, 0.0]]], np.float32)
    maps = render(HeatmapRule(use_score=False), joints, score)
    assert maps[0, 0].max() == 1
    assert not maps[0, 1].any()


def test_unknown_and_absurd_joints_are_not_drawn() -> None:
    joints = np.array([[[[np.nan, 10], [np.inf, 10], [1e30, 10], [10, -1e5]]]], np.float32)
    maps = render(BOTH, joints, np.ones((1, 1, 4), np.float32))
    assert not maps.any()


def test_a_joint_below_the_threshold_is_not_drawn() -> None:
    joints, score = np.full((1, 1, 1, 2), 10, np.float32), np.full((1, 1, 1), 5e-4, np.float32)
    assert render(HeatmapRule(), joints, score).any()
    assert not render(HeatmapRule(min_score=1e-3), joints, score).any()


def test_uint8_is_within_half_a_step() -> None:
    joints, score = walkers(3, BOTH.size)
    exact = render(BOTH, joints, score)
    stored = render(replace(BOTH, dtype="uint8"), joints, score)
    assert stored.dtype == np.uint8
    assert np.abs(stored - 255.0 * exact).max() <= 0.5 + 1e-4


@pytest.mark.parametrize("dtype", ["float32", "uint8"])
def test_a_used_buffer_gives_the_same_maps(dtype: str) -> None:
    rule = replace(BOTH, dtype=dtype)
    joints, score = walkers(4, BOTH.size)
    out = np.full((3, 7, 56, 56), 1, dtype=dtype)
    assert render(rule, joints, score, out=out) is out
    assert np.array_equal(out, render(rule, joints, score))


@pytest.mark.parametrize("dtype", ["float32", "uint8"])
def test_a_canvas_keeps_nothing_of_the_clip_before(dtype: str) -> None:
    rule = replace(BOTH, dtype=dtype)
    canvas = Canvas(rule)
    for seed, people in ((8, 2), (9, 3), (10, 1)):
        joints, score = walkers(seed, rule.size, people)
        assert np.array_equal(canvas.draw(joints, score), render(rule, joints, score))
    assert canvas.draw(joints[:2], score[:2]).shape[0] == 2


def test_the_inputs_stay_as_they_were() -> None:
    joints, score = walkers(5, BOTH.size)
    joints[0, 0, 0] = np.nan
    before = joints.copy(), score.copy()
    render(BOTH, to_grid(joints, Box(3, 4, 33, 64), BOTH.size), score)
    assert np.array_equal(joints, before[0], equal_nan=True)
    assert np.array_equal(score, before[1])


def test_box_corners_become_grid_corners() -> None:
    joints = np.array([[100, 50], [300, 150], [200, 100], [np.nan, 0]], np.float32)
    grid = to_grid(joints, Box(100, 50, 300, 150), (50, 100))
    assert grid[:3].tolist() == [[0, 0], [100, 50], [50, 25]]
    assert np.isnan(grid[3, 0])


@pytest.mark.parametrize("name", sorted(LAYOUTS))
def test_flipping_twice_changes_nothing(name: str) -> None:
    layout = LAYOUTS[name]
    order = flip_order(layout, limbs=layout.drawn_limbs)
    assert sorted(order) == list(range(layout.num_joints + len(layout.drawn_limbs)))
    assert [order[place] for place in order] == list(range(len(order)))


def test_flipped_maps_are_the_maps_of_the_mirrored_person() -> None:
    rule = HeatmapRule(bones=NTU_25.bones, with_limbs=True)
    joints = np.random.default_rng(6).uniform(8, 48, (2, 1, 25, 2)).astype(np.float32)
    score = np.full((2, 1, 25), 0.8, np.float32)
    mirrored = joints[:, :, list(NTU_25.mirror)] * np.float32([-1, 1]) + np.float32([55, 0])
    flipped = flip_heatmaps(render(rule, joints, score), flip_order(NTU_25, limbs=NTU_25.bones))
    assert np.abs(flipped - render(rule, mirrored, score)).max() < 0.012  # the rim of the windows: e^-4.5


def test_left_limbs_become_right_limbs() -> None:
    limbs = flip_order(NTU_25, with_joints=False, limbs=NTU_25.bones)
    forearm = {side: NTU_25.bones.index(bone) for side, bone in (("left", (6, 5)), ("right", (10, 9)))}
    assert limbs[forearm["left"]] == forearm["right"]
    assert flip_order(NTU_25, limbs=NTU_25.bones)[25 + forearm["left"]] == 25 + forearm["right"]


def test_a_lopsided_layout_cannot_be_flipped() -> None:
    lopsided = Layout("lopsided", ("a", "b", "c"), ((1, 0),), 0, ((0,), (0,)), (1, 2), pairs=((1, 2),))
    with pytest.raises(ParamError, match="no mirror image"):
        flip_order(lopsided, limbs=lopsided.bones)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"sigma": 0.0}, "sigma above 0"),
        ({"size": (0, 56)}, "at least 1 x 1"),
        ({"with_joints": False, "with_limbs": False}, "nothing to draw"),
        ({"bones": ()}, "needs bones"),
        ({"dtype": "float64"}, "float32 or uint8"),
    ],
)
def test_a_rule_that_cannot_be_is_refused(wrong: dict[str, object], message: str) -> None:
    with pytest.raises(ParamError, match=message):
        replace(BOTH, **wrong)


def test_arrays_that_do_not_match_are_refused() -> None:
    joints, score = walkers(7, BOTH.size)
    with pytest.raises(SkeletonError, match="to match score"):
        render(BOTH, joints[:, :1], score)
    with pytest.raises(ParamError, match="out must be contiguous float32"):
        render(BOTH, joints, score, out=np.zeros((3, 4, 56, 56), np.float32))
    with pytest.raises(ParamError, match="flip order has 2"):
        flip_heatmaps(np.zeros((1, 3, 4, 4), np.float32), (1, 0))


def test_coco_draws_pyskls_17_limbs_and_its_graph_keeps_16_bones() -> None:
    assert len(COCO_17.drawn_limbs) == 17
    assert (11, 12) in COCO_17.drawn_limbs
    assert len(COCO_17.bones) == 16
    assert NTU_25.drawn_limbs == NTU_25.bones


def test_limbs_can_be_chosen_and_must_be_joints_of_the_layout() -> None:
    assert HeatmapParams(recipe="r", limbs=((5, 6), (11, 12))).rule(COCO_17).bones == ((5, 6), (11, 12))
    with pytest.raises(
        ParamError, match=r"heatmaps.limbs: \[\(5, 17\)\] name joints that coco_17 does not have"
    ):
        HeatmapParams(recipe="r", limbs=((5, 17),)).rule(COCO_17)
