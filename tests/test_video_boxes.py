"""Box rules: hand-worked corners, unknown joints, and what must hold for any skeleton."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.errors import BoxError, ParamError
from pipeline.keys.keyed import in_key
from pipeline.values import Box, Skeleton
from pipeline.video.boxes import BoxRule, box_of

FULL_HD = (1080, 1920)
RULES = ("clip", "square", "window", "frame")


def skeleton_of(points: list[tuple[float, float]], absent: tuple[int, ...] = ()) -> Skeleton:
    """One joint a frame, one person; `absent` frames have score 0."""
    joints = np.array(points, dtype=np.float32).reshape(-1, 1, 1, 2)
    score = np.ones(joints.shape[:3], dtype=np.float32)
    score[list(absent)] = 0
    nowhere = np.full((*score.shape, 3), np.nan, dtype=np.float32)
    return Skeleton(nowhere, joints, score, np.arange(len(points), dtype=np.int32))


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        (BoxRule(rule="clip"), Box(90, 40, 310, 260)),
        (BoxRule(rule="clip", buffer_px=200), Box(0, 0, 500, 450)),
        (BoxRule(rule="square"), Box(75, 25, 325, 275)),
        (BoxRule(rule="square", padding=2.0), Box(0, 0, 500, 450)),
        (BoxRule(rule="square", padding=2.0, allow_pad=True), Box(-100, -150, 500, 450)),
        (BoxRule(rule="window"), Box(0, 0, 1000, 1000)),
        (BoxRule(rule="frame"), Box(0, 0, 1920, 1080)),
    ],
)
def test_boxes_of_a_200_pixel_square_worked_out_by_hand(rule: BoxRule, expected: Box) -> None:
    skeleton = skeleton_of([(100, 50), (300, 250), (200, 150)])
    assert box_of(rule, skeleton, *FULL_HD) == expected


def test_square_box_takes_the_longer_side_both_ways() -> None:
    skeleton = skeleton_of([(480, 460), (520, 540)])
    assert box_of(BoxRule(rule="square"), skeleton, *FULL_HD) == Box(450, 450, 550, 550)


def test_mmcompacts_joints_are_every_coordinate_that_is_not_0() -> None:
    """A joint without a score at (100, 300), one outside the frame at (2000, 500), and x known where y is 0."""
    skeleton = skeleton_of([(100, 300), (2000, 500), (50, 0), (400, 400)], absent=(0,))
    nonzero = BoxRule(rule="square", padding=0.0, joints="nonzero", allow_pad=True)
    assert box_of(nonzero, skeleton, *FULL_HD) == Box(50, -575, 2000, 1375)  # x 50 to 2000, y 300 to 500
    assert box_of(BoxRule(rule="frame", joints="nonzero"), skeleton, *FULL_HD) == Box(0, 0, 1920, 1080)
    nothing = skeleton_of([(0, 0), (np.nan, np.inf)])
    assert box_of(nonzero, nothing, *FULL_HD) == Box(0, 0, 1920, 1080)


def test_facts_leave_out_what_was_no_choice_before() -> None:
    assert "joints" not in in_key(BoxRule())
    assert in_key(BoxRule(joints="nonzero"))["joints"] == "nonzero"


def test_square_box_of_a_speck_is_the_whole_frame() -> None:
    skeleton = skeleton_of([(480, 460), (489, 540)])
    assert box_of(BoxRule(rule="square"), skeleton, *FULL_HD) == Box(0, 0, 1920, 1080)


def test_clip_box_rounds_outwards() -> None:
    skeleton = skeleton_of([(100.4, 50.0), (200.2, 80.0)])
    assert box_of(BoxRule(rule="clip"), skeleton, *FULL_HD) == Box(90, 40, 211, 90)


@pytest.mark.parametrize(
    ("point", "expected"),
    [((1700, 500), Box(920, 0, 1920, 1000)), ((960, 1000), Box(460, 80, 1460, 1080))],
)
def test_window_is_centred_on_the_clip_box_and_moved_inside(
    point: tuple[float, float], expected: Box
) -> None:
    assert box_of(BoxRule(rule="window"), skeleton_of([point]), *FULL_HD) == expected


def test_window_scales_with_the_height_of_the_frame_and_never_outgrows_it() -> None:
    skeleton = skeleton_of([(50, 50)])
    assert box_of(BoxRule(rule="window"), skeleton, 240, 320) == Box(0, 0, 222, 222)
    assert box_of(BoxRule(rule="window"), skeleton, 1920, 1080).width == 1080


@pytest.mark.parametrize("outside", ["drop", "clamp"])
def test_absent_unknown_and_infinite_joints_do_not_count(outside: str) -> None:
    skeleton = skeleton_of(
        [(100, 50), (300, 250), (5, 5), (np.nan, 7), (9, np.nan), (np.inf, 3)], absent=(2,)
    )
    assert box_of(BoxRule(rule="clip", outside=outside), skeleton, *FULL_HD) == Box(90, 40, 310, 260)


@pytest.mark.parametrize(
    ("outside", "expected"), [("drop", Box(90, 40, 310, 260)), ("clamp", Box(90, 0, 1920, 260))]
)
def test_a_joint_far_outside_is_dropped_or_moved_to_the_border(outside: str, expected: Box) -> None:
    skeleton = skeleton_of([(100, 50), (300, 250), (1e6, -3e5)])
    assert box_of(BoxRule(rule="clip", outside=outside), skeleton, *FULL_HD) == expected


@pytest.mark.parametrize("rule", RULES)
def test_no_known_joint_gives_the_whole_frame(rule: str) -> None:
    assert box_of(BoxRule(rule=rule), skeleton_of([(np.nan, np.nan)]), 240, 320) == Box(0, 0, 320, 240)


coordinate = st.floats(-500, 2500, width=32)


@given(
    rule=st.sampled_from(RULES),
    outside=st.sampled_from(["drop", "clamp"]),
    points=st.lists(st.tuples(coordinate, coordinate), min_size=1, max_size=6),
    height=st.integers(1, 1200),
    width=st.integers(1, 2000),
    buffer_px=st.floats(0, 50),
    min_side_px=st.floats(0, 50),
)
def test_any_box_lies_inside_its_frame(
    rule: str,
    outside: str,
    points: list[tuple[float, float]],
    height: int,
    width: int,
    buffer_px: float,
    min_side_px: float,
) -> None:
    drawn = BoxRule(rule=rule, outside=outside, buffer_px=buffer_px, min_side_px=min_side_px)
    box = box_of(drawn, skeleton_of(points), height, width)
    assert 0 <= box.left < box.right <= width
    assert 0 <= box.top < box.bottom <= height


def test_the_skeleton_is_left_as_it_was() -> None:
    skeleton = skeleton_of([(100, 50), (1e6, 250)])
    before = skeleton.joints_2d.copy()
    box_of(BoxRule(rule="clip", outside="clamp"), skeleton, *FULL_HD)
    assert np.array_equal(skeleton.joints_2d, before)


def test_rules_and_frames_that_cannot_be_are_refused() -> None:
    with pytest.raises(ParamError, match="no box rule 'B1'"):
        BoxRule(rule="B1")
    with pytest.raises(ParamError, match="padding must be 0 or more"):
        BoxRule(padding=float("nan"))
    with pytest.raises(BoxError, match="at least one pixel"):
        box_of(BoxRule(), skeleton_of([(1, 1)]), 0, 10)
