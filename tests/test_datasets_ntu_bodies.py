"""Which bodies are the people: by id and motion, slots shared only where nobody overlaps."""

import numpy as np
import pytest

from pipeline.datasets.ntu.bodies import motion_metres, select_bodies, without_noise
from pipeline.datasets.ntu.body import Body
from pipeline.errors import SkeletonError


def body(body_id: int, frames: range | list[int], *, sway: float = 0.0, wide: bool = False) -> Body:
    """A body of two joints, 1.5 m apart upwards (or sideways), swaying along x by ±`sway` metres."""
    count = len(frames)
    joints = np.zeros((count, 2, 3), np.float32)
    joints[:, 1, 0 if wide else 1] = 1.5
    joints[:, :, 0] += (sway * np.where(np.arange(count) % 2, 1, -1))[:, None]
    joints[:, :, 2] = 3.0
    return Body(
        body_id,
        np.array(frames, np.int32),
        joints,
        np.full((count, 2, 2), float(body_id), np.float32),
        np.ones((count, 2), np.float32),
    )


def ids_in_slots(
    bodies: list[Body], num_frames: int, **options: object
) -> tuple[list[list[float]], frozenset[str]]:
    """Body id in each frame (0: nobody) of each slot, and the flags."""
    skeleton, flags = select_bodies(bodies, num_frames, **{"max_persons": 2, **options})  # type: ignore[arg-type]
    return np.nan_to_num(skeleton.joints_2d[:, :, 0, 0]).T.tolist(), flags


def test_motion_is_the_sum_of_standard_deviations() -> None:
    # x: ±0.2, deviation 0.2; y: 0 and 1.5, deviation 0.75; z: constant
    assert motion_metres(body(1, range(4), sway=0.2)) == pytest.approx(0.95, abs=1e-6)


def test_motion_leaves_unknown_joints_out() -> None:
    half = body(1, range(4), sway=0.2)
    half.joints_3d[:, 1] = np.nan
    assert motion_metres(half) == pytest.approx(0.2, abs=1e-6)
    half.joints_3d[:] = np.nan
    assert motion_metres(half) == 0.0


def test_the_most_moving_come_first() -> None:
    slots, flags = ids_in_slots([body(1, range(3)), body(2, range(3), sway=0.5)], 3)
    assert slots == [[2, 2, 2], [1, 1, 1]]
    assert flags == frozenset()


def test_a_third_body_is_left_out_and_flagged() -> None:
    bodies = [body(1, range(4), sway=0.3), body(2, range(4), sway=0.2), body(3, range(2), sway=0.1)]
    slots, flags = ids_in_slots(bodies, 4)
    assert slots == [[1, 1, 1, 1], [2, 2, 2, 2]]
    assert flags == {"third_body"}


def test_a_person_found_again_under_a_new_id_stays_one_person() -> None:
    slots, flags = ids_in_slots([body(1, [0, 1], sway=0.3), body(2, [3, 4], sway=0.2)], 5)
    assert slots == [[1, 1, 0, 2, 2], [0, 0, 0, 0, 0]]
    assert flags == {"joined_bodies", "no_body_frames"}


def test_bodies_that_take_turns_share_a_slot() -> None:
    slots, flags = ids_in_slots([body(1, [0, 3], sway=0.3), body(2, [1, 2], sway=0.2)], 4, max_persons=1)
    assert slots == [[1, 2, 2, 1]]
    assert flags == {"joined_bodies"}


def test_one_lost_body_is_flagged() -> None:
    slots, flags = ids_in_slots([body(1, range(3), sway=0.3), body(2, [0, 1])], 3)
    assert slots == [[1, 1, 1], [2, 2, 0]]
    assert flags == {"one_body_lost"}


def test_frames_without_a_body_are_kept() -> None:
    skeleton, flags = select_bodies([body(1, [1, 2])], 4, max_persons=2)
    assert flags == {"no_body_frames"}
    assert skeleton.present.tolist() == [[False, False], [True, False], [True, False], [False, False]]
    assert np.isnan(skeleton.joints_3d[0]).all()
    assert skeleton.video_frame.tolist() == [0, 1, 2, 3]


def test_unknown_joints_are_flagged() -> None:
    lame = body(1, range(2))
    lame.joints_2d[1, 0, 0] = np.nan
    assert select_bodies([lame], 2, max_persons=1)[1] == {"nan_joints"}


def test_nobody_is_an_error() -> None:
    with pytest.raises(SkeletonError, match="nobody is seen in any of the 3 frames"):
        select_bodies([], 3, max_persons=2)


def test_short_and_lying_bodies_are_noise() -> None:
    person, flicker, sofa = body(1, range(20)), body(2, range(11)), body(3, range(20), wide=True)
    assert [kept.body_id for kept in without_noise([sofa, flicker, person])] == [1]
    slots, flags = ids_in_slots([sofa, flicker, person], 20, rule="denoised")
    assert slots == [[1.0] * 20, [0.0] * 20]
    assert flags == {"body_dropped"}


def test_the_last_body_is_never_noise() -> None:
    assert [kept.body_id for kept in without_noise([body(2, range(11))])] == [2]
    assert [kept.body_id for kept in without_noise([body(3, range(20), wide=True)])] == [3]
    assert ids_in_slots([body(2, range(3))], 3, rule="denoised") == ([[2, 2, 2], [0, 0, 0]], frozenset())


@pytest.mark.parametrize("rule", ["denoised", "ctr_gcn"])
@pytest.mark.parametrize(
    ("filters", "stay"),
    [(("length", "spread"), {1}), (("length",), {1, 3}), (("spread",), {1, 2}), ((), {1, 2, 3})],
)
def test_each_filter_can_be_left_out(rule: str, filters: tuple[str, ...], stay: set[int]) -> None:
    """Body 1 stands for 20 frames, body 2 for 11, which is too short, and body 3 lies."""
    bodies = [body(1, range(20), sway=0.3), body(2, range(11), sway=0.2), body(3, range(20), wide=True)]
    slots, flags = ids_in_slots(bodies, 20, rule=rule, filters=filters, max_persons=3)
    assert {number for slot in slots for number in slot} - {0} == stay
    assert ("body_dropped" in flags) == (len(stay) < 3)
    counted = ids_in_slots(bodies, 20, rule=rule, filters=filters, max_persons=3, count_filters=True)[1]
    taken = {"short_body": 2, "lying_body": 3}
    assert counted - flags == {flag for flag, number in taken.items() if number not in stay}


@pytest.mark.parametrize("rule", ["motion", "denoised", "ctr_gcn"])
def test_where_all_are_short_none_was_taken_for_that(rule: str) -> None:
    bodies = [body(1, range(9), sway=0.3), body(2, range(11), wide=True)]
    flags = ids_in_slots(bodies, 11, rule=rule, count_filters=True)[1]
    taken = flags & {"body_dropped", "short_body", "lying_body"}
    assert taken == ({"body_dropped", "lying_body"} if rule == "ctr_gcn" else frozenset())
