"""Body parts as lists of joints: given, or derived from a skeleton's edges."""

from collections.abc import Sequence
from typing import TypeAlias

from models.errors import ModelParamError
from models.graph.graphs import Edges

Parts: TypeAlias = Sequence[Sequence[int]]
"""Joint indices of each part, from the trunk outward; parts may share joints, and together hold every joint."""


def parts_of(edges: Edges, num_joints: int) -> tuple[tuple[int, ...], ...]:
    """Split a skeleton into the torso and every limb that hangs from it, each from the trunk outward.

    Limbs hang from joints at which two or more branches of at least two joints meet; the rest is the torso.
    Worked example, a trunk 0-1 with arms 2-3 and 4-5 at joint 1: edges (0, 1), (2, 1), (3, 2), (4, 1), (5, 4)
    give ((1,), (0,), (2, 3), (4, 5)). On NTU-25 and UTD-20 these are torso, head, two arms and two legs;
    where a
    layout's head branches (OpenPose, COCO), give the parts yourself.
    """
    branches = _branches(edges, num_joints)
    forks = {
        joint
        for joint, children in branches.items()
        if sum(len(_outward(child, branches)) >= 2 for child in children) >= 2
    }
    limbs = [
        limb
        for joint in sorted(forks)
        for child in branches[joint]
        if not forks & set(limb := _outward(child, branches))
    ]
    hanging = {joint for limb in limbs for joint in limb}
    torso = tuple(joint for joint in range(num_joints) if joint not in hanging)
    return (torso, *limbs)


def checked_parts(parts: Parts, num_joints: int) -> tuple[tuple[int, ...], ...]:
    """Return `parts` as tuples. Raises ModelParamError unless they hold every joint, and only existing ones."""
    plain = tuple(tuple(part) for part in parts)
    held = {joint for part in plain for joint in part}
    if not all(plain) or held != set(range(num_joints)):
        raise ModelParamError(
            f"parts must be non-empty and hold each joint from 0 to {num_joints - 1}, got {plain}"
        )
    return plain


def _branches(edges: Edges, num_joints: int) -> dict[int, list[int]]:
    """Of each joint, the joints whose parent it is. Raises ModelParamError unless edges are a forest."""
    parent = dict(edges)
    known = all(0 <= joint < num_joints for edge in edges for joint in edge)
    if num_joints < 1 or not known or len(parent) != len(edges):
        raise ModelParamError(
            f"edges must give each joint below {num_joints} one parent at most, got {tuple(edges)}"
        )
    for joint in parent:
        steps = 0
        while joint in parent:
            joint, steps = parent[joint], steps + 1
            if steps > num_joints:
                raise ModelParamError(f"edges must not run in a circle, got {tuple(edges)}")
    return {joint: [child for child, above in edges if above == joint] for joint in range(num_joints)}


def _outward(joint: int, branches: dict[int, list[int]]) -> tuple[int, ...]:
    """The joint and all beyond it, nearest first."""
    found = [joint]
    for reached in found:
        found += branches[reached]
    return tuple(found)
