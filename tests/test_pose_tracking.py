"""People followed from frame to frame: similarities by hand, crossings, gaps, doubles, and who stays."""

import numpy as np
import pytest
from numpy.typing import NDArray

from pipeline.errors import ParamError
from pipeline.pose.own_boxes import boxes_around
from pipeline.pose.similarity import COCO_SIGMAS, extents, iou, oks, sigmas
from pipeline.pose.tracking import People, TrackRule, follow, sure_people
from pipeline.skeleton.layouts import COCO_17, NTU_25
from pipeline.skeleton.slots import slots_of
from pipeline.values import Skeleton

SHAPE = np.stack([np.arange(17) % 4 * 10.0, np.arange(17) // 4 * 15.0], axis=1).astype(np.float32)
"""(17, 2): a body of 30 by 60 pixels."""


def body(x: float, y: float = 0) -> NDArray[np.float32]:
    return SHAPE + np.array([x, y], np.float32)


def people(*places: tuple[float, float], score: float = 0.9) -> People:
    """People whose left upper corners lie at x, y."""
    joints = np.array([body(x, y) for x, y in places], np.float32).reshape(-1, 17, 2)
    return People(joints, np.full(joints.shape[:2], score, np.float32))


def test_oks_is_cocos_formula() -> None:
    """All joints shifted by 9 pixels: the mean of exp(-81 / (2 · 1800 · (2σ)²)) over the joints."""
    by_hand = np.mean([np.exp(-81 / (2 * 30 * 60 * (2 * sigma) ** 2)) for sigma in COCO_SIGMAS])
    found = oks(body(0)[None], np.stack([body(0), body(9)]), sigmas(COCO_17))
    np.testing.assert_allclose(found, [[1, by_hand]], rtol=1e-6)
    assert 0.2 < by_hand < 0.6
    assert len(sigmas(NTU_25)) == 25


def test_oks_takes_joints_that_both_know_and_no_body_for_a_line() -> None:
    half, other = body(0), body(0)
    half[8:], other[:8] = np.nan, np.nan
    assert oks(half[None], body(0)[None], sigmas(COCO_17))[0, 0] == 1
    assert oks(half[None], other[None], sigmas(COCO_17))[0, 0] == 0
    line = np.stack([np.zeros(17), np.arange(17) * 3.0], axis=1).astype(
        np.float32
    )  # 48 high, counts as 16 wide
    by_hand = np.mean([np.exp(-4 / (2 * 48 * 16 * (2 * sigma) ** 2)) for sigma in COCO_SIGMAS])
    np.testing.assert_allclose(
        oks(line[None], line[None] + np.array([2, 0], np.float32), sigmas(COCO_17)), by_hand
    )


def test_iou_of_two_boxes_by_hand() -> None:
    """30 x 60 each, 10 apart: 20 · 60 shared of 2 · 1800 - 1200."""
    np.testing.assert_allclose(iou(body(0)[None], body(10)[None]), 1200 / 2400)
    assert iou(body(0)[None], body(31)[None])[0, 0] == 0
    assert extents(body(5, 7)[None]).tolist() == [[5, 7, 35, 67]]


@pytest.mark.parametrize("similarity", ["oks", "iou"])
def test_two_people_who_walk_keep_their_tracks_though_they_are_found_in_any_order(similarity: str) -> None:
    frames = [people((4 * t, 0), (200 - 4 * t, 80)) for t in range(6)]
    frames[3] = People(frames[3].joints[::-1], frames[3].score[::-1])
    first, second = follow(frames, TrackRule(similarity=similarity), COCO_17)  # type: ignore[arg-type]
    assert first.frames == second.frames == [0, 1, 2, 3, 4, 5]
    assert [joints[0, 0] for joints in first.joints] == [0, 4, 8, 12, 16, 20]
    assert [joints[0, 0] for joints in second.joints] == [200, 196, 192, 188, 184, 180]


def test_the_most_alike_pair_is_joined_first() -> None:
    """Somebody new stands between two places; the one who stays is nearer to the old place."""
    first, second = follow([people((0, 0)), people((12, 0), (2, 0))], TrackRule(duplicate=1), COCO_17)
    assert [joints[0, 0] for joints in first.joints] == [0, 2]
    assert second.frames == [1]


def test_a_gap_up_to_the_rules_is_bridged_and_a_longer_one_begins_anew() -> None:
    nobody = people()
    frames = [people((0, 0)), nobody, nobody, people((0, 0))]
    (track,) = follow(frames, TrackRule(max_gap_frames=2), COCO_17)
    assert track.frames == [0, 3]
    assert [one.frames for one in follow(frames, TrackRule(max_gap_frames=1), COCO_17)] == [[0], [3]]


def test_doubles_and_the_unsure_are_nobody() -> None:
    found = people((0, 0), (0.5, 0), (100, 0))
    found.score[0], found.score[1], found.score[2] = 0.5, 0.8, 0.2
    kept = sure_people(found, TrackRule(), COCO_17)
    assert kept.joints[:, 0, 0].tolist() == [0.5]
    assert len(sure_people(found, TrackRule(min_score=0), COCO_17).score) == 2
    assert len(sure_people(people((0, 0), score=0), TrackRule(min_score=0), COCO_17).score) == 0


def test_the_surest_come_first_or_those_who_move_most() -> None:
    frames = [people((0, 0), (100 + 5 * t, 0)) for t in range(4)]
    for frame in frames:
        frame.score[0] = 0.95
    still, moving = follow(frames, TrackRule(), COCO_17)
    assert (still.joints[-1][0, 0], moving.joints[-1][0, 0]) == (0, 115)
    assert still.total_score == pytest.approx(4 * 0.95)
    first, _ = follow(frames, TrackRule(rank="motion"), COCO_17)
    assert first.joints[-1][0, 0] == 115
    assert first.motion_pixels == pytest.approx(17 * np.std([0, 5, 10, 15]))


def test_bodies_go_to_the_first_slot_that_is_free_in_all_their_frames() -> None:
    frames = [[0, 1, 2], [2, 3], [3, 4], [1]]
    assert slots_of(frames, num_frames=5, max_persons=2) == [[0, 2], [1, 3]]
    assert slots_of(frames, num_frames=5, max_persons=1) == [[0, 2]]
    assert slots_of([], num_frames=5, max_persons=2) == []


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"similarity": "iuo"}, "similarity must be one of"),
        ({"rank": "size"}, "rank must be one of"),
        ({"min_similarity": 1.5}, r"min_similarity must lie in \[0, 1\], got 1.5"),
        ({"max_gap_frames": -1}, "max_gap_frames must be 0 or more"),
    ],
)
def test_a_rule_refuses_nonsense(wrong: dict[str, object], message: str) -> None:
    with pytest.raises(ParamError, match=message):
        TrackRule(**wrong)  # type: ignore[arg-type]


def test_boxes_around_a_body_reach_a_tenth_beyond_it() -> None:
    joints = np.full((2, 2, 17, 2), np.nan, np.float32)
    joints[0, 0, :2] = [[10, 20], [30, 60]]
    score = np.isfinite(joints).all(axis=3).astype(np.float32)
    unknown = np.full((2, 2, 17, 3), np.nan, np.float32)
    one, none = boxes_around(Skeleton(unknown, joints, score, np.array([0, 3], np.int32)), 4)[::3]
    assert one.tolist() == [[8, 16, 32, 64]]
    assert none.shape == (0, 4)
