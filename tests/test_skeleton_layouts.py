"""Every layout: a tree of bones, pairs that name the same joint, and a mirror that turns somebody into their image."""

import numpy as np
import pytest

from pipeline.skeleton.layouts import BOX_4, LAYOUTS, SMARTHOME_13, WHOLE_FRAME, Layout

BODIES = [layout for layout in LAYOUTS.values() if layout not in (BOX_4, WHOLE_FRAME)]


@pytest.mark.parametrize("layout", BODIES, ids=lambda layout: layout.name)
def test_bones_are_a_tree_over_all_joints(layout: Layout) -> None:
    assert len(layout.bones) == layout.num_joints - 1
    reached = {layout.bones[-1][1]}
    for _ in layout.bones:
        reached |= {joint for bone in layout.bones if reached & set(bone) for joint in bone}
    assert reached == set(range(layout.num_joints))


@pytest.mark.parametrize("layout", BODIES, ids=lambda layout: layout.name)
def test_pairs_are_the_left_and_the_right_of_one_name(layout: Layout) -> None:
    for left, right in layout.pairs:
        assert layout.joints[left].startswith("left_")
        assert layout.joints[right] == layout.joints[left].replace("left_", "right_")
    sided = {name for name in layout.joints if name.startswith(("left_", "right_"))}
    assert sided == {layout.joints[joint] for pair in layout.pairs for joint in pair}
    right, left = layout.shoulders
    assert (layout.joints[right], layout.joints[left]) == ("right_shoulder", "left_shoulder")


@pytest.mark.parametrize("layout", BODIES, ids=lambda layout: layout.name)
def test_a_mirror_keeps_bones_limbs_and_the_torso(layout: Layout) -> None:
    """Mirrored, a left arm is a right arm: whatever connects joints must connect their mirror images."""
    mirror = layout.mirror
    for lines in (layout.bones, layout.drawn_limbs):
        drawn = {frozenset(line) for line in lines}
        assert {frozenset(mirror[joint] for joint in line) for line in drawn} == drawn
    assert tuple(tuple(sorted(mirror[joint] for joint in end)) for end in layout.spine) == layout.spine


def test_smarthomes_sides_are_those_that_lcr_nets_demo_draws() -> None:
    """The bones that naver/lcrnet-v2-improved-ppi draws as left and as right."""
    sides = {"left": ((9, 11), (7, 9), (1, 3), (3, 5)), "right": ((0, 2), (2, 4), (8, 10), (6, 8))}
    for side, bones in sides.items():
        assert set(bones) < set(SMARTHOME_13.bones)
        assert all(SMARTHOME_13.joints[joint].startswith(side) for bone in bones for joint in bone)
    assert SMARTHOME_13.joints[12] == "head"


@pytest.mark.parametrize("layout", BODIES, ids=lambda layout: layout.name)
def test_flipped_twice_is_the_same_and_once_is_the_other_side(layout: Layout) -> None:
    """Somebody whose left side is at x > 0 stands with it at x < 0 once only coordinates are flipped."""
    x = np.zeros(layout.num_joints)
    for left, right in layout.pairs:
        x[left], x[right] = 1, -1
    order = list(layout.mirror)
    np.testing.assert_array_equal((-x)[order], x)
    assert [order[joint] for joint in order] == list(range(layout.num_joints))
