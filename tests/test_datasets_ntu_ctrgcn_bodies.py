"""CTR-GCN's choice of bodies, frame for frame, on cases written from its rules (get_raw_denoised_data.py)."""

import numpy as np
import pytest
from test_datasets_ntu_bodies import body, ids_in_slots

from pipeline.datasets.ntu.body import Body
from pipeline.datasets.ntu.ctrgcn_bodies import ctrgcn_slots, variance


def slots(bodies: list[Body], num_frames: int) -> list[list[float]]:
    return ids_in_slots(bodies, num_frames, rule="ctr_gcn")[0]


def spread(body_id: int, *, x: float, y: float, z: float) -> Body:
    """Twelve frames of a body whose two joints lie `x`, `y` and `z` metres apart."""
    found = body(body_id, range(12))
    found.joints_3d[:, 0] = 0.0
    found.joints_3d[:, 1] = (x, y, z)
    return found


def test_motion_is_the_sum_of_variances() -> None:
    # x: ±0.2, variance 0.04; y: 0 and 1.5, variance 0.5625
    assert variance(body(1, range(4), sway=0.2)) == pytest.approx(0.6025, abs=1e-6)


def test_bodies_are_ranked_by_variances_not_by_deviations() -> None:
    """Two joints, so half the distance is the deviation. One: 0 + 1.2 + 0 = 1.2, variance 1.44. Other: 0.5 + 0.8 = 1.3,
    variance 0.25 + 0.64 = 0.89."""
    one, other = spread(1, x=0, y=2.4, z=0), spread(2, x=0, y=1.6, z=1.0)
    assert slots([other, one], 12) == [[1.0] * 12, [2.0] * 12]
    assert ids_in_slots([other, one], 12, rule="denoised")[0] == [[2.0] * 12, [1.0] * 12]


def test_where_all_lie_the_last_stays() -> None:
    lying = [body(number, range(20), wide=True) for number in (1, 2, 3)]
    assert slots(lying, 20) == [[3.0] * 20, [0.0] * 20]
    assert ids_in_slots(lying, 20, rule="denoised")[0] == [[1.0] * 20, [0.0] * 20]


def test_bodies_that_share_one_frame_share_a_slot_and_the_later_is_drawn_on_top() -> None:
    first, second = body(1, range(12), sway=0.3), body(2, range(11, 24), sway=0.2)
    assert slots([first, second], 24) == [[1.0] * 11 + [2.0] * 13, [0.0] * 24]
    assert slots([first, body(2, range(10, 24), sway=0.2)], 24) == [
        [1.0] * 12 + [0.0] * 12,
        [0.0] * 10 + [2.0] * 14,
    ]


def test_the_second_slot_spans_from_frame_0_whoever_lies_in_it() -> None:
    """Body 3 and body 2 never meet, but slot 1 spans 0 … 40 once body 2 lies in it; so theirs leaves body 3 out."""
    bodies = [body(1, range(60), sway=0.4), body(2, range(25, 41), sway=0.3), body(3, range(1, 20), sway=0.2)]
    found, flags = ids_in_slots(bodies, 60, rule="ctr_gcn")
    assert found[1] == [0.0] * 25 + [2.0] * 16 + [0.0] * 19
    assert "third_body" in flags
    assert ids_in_slots(bodies, 60)[0][1] == [0.0] + [3.0] * 19 + [0.0] * 5 + [2.0] * 16 + [0.0] * 19


def test_lying_frames_lower_a_bodys_rank() -> None:
    """Body 1 sways by a metre, but only while it lies; upright it stands still."""
    mover, calm = body(1, range(20)), body(2, range(20), sway=0.1)
    mover.joints_3d[:8, 1, 1] = 0.0
    mover.joints_3d[:8, :, 0] = np.array([[-1.0, 1.0]] * 8)
    assert slots([mover, calm], 20)[0] == [2.0] * 20
    assert ids_in_slots([mover, calm], 20)[0][0] == [1.0] * 20


def test_one_body_is_not_filtered() -> None:
    only = body(1, range(3), wide=True)
    assert ctrgcn_slots([only], 2) == ([only], [[only]])


def test_where_no_body_is_long_enough_all_stay() -> None:
    assert slots([body(1, range(3), sway=0.2), body(2, range(3))], 3) == [[1.0] * 3, [2.0] * 3]
