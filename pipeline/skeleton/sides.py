"""The side of the body that each joint and bone is on, and the colour in which pictures show it."""

from typing import Literal

from pipeline.skeleton.layouts import Layout

Side = Literal["left", "middle", "right"]

SIDES: tuple[Side, ...] = ("left", "middle", "right")

COLOURS: dict[Side, tuple[int, int, int]] = {
    "left": (0x35, 0xD0, 0xFF),
    "middle": (0xF2, 0xF2, 0xF2),
    "right": (0xFF, 0x8C, 0x1A),
}
"""Red, green and blue from 0 to 255 of each side: the person's own left and right, not the picture's."""


def joint_sides(layout: Layout) -> tuple[Side, ...]:
    """Return the side of each of the V joints, by the layout's pairs; a joint of no pair is in the middle."""
    left, right = ({pair[place] for pair in layout.pairs} for place in (0, 1))
    return tuple(
        "left" if joint in left else "right" if joint in right else "middle"
        for joint in range(layout.num_joints)
    )


def bone_side(layout: Layout, bone: tuple[int, int]) -> Side:
    """Return the side of a bone: that of its two joints, or of the one that is on a side; else the middle.

    Example: of NTU-25, shoulder to elbow is left, spine to left shoulder is left, hip to hip is in the middle.
    """
    sides = {joint_sides(layout)[joint] for joint in bone} - {"middle"}
    return sides.pop() if len(sides) == 1 else "middle"
