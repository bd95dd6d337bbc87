"""Identities that jump between two frames: left and right of one body, or two bodies that take each other's place."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipeline.skeleton.layouts import Layout
from pipeline.values import Skeleton

Floats = NDArray[np.floating]

SURE = 0.5
"""Share of the way as the data has it that the exchanged one must not exceed."""

LEAST_STEP = 0.2
"""Least way of the exchanged joints from frame to frame, in sizes of the body, for an exchange to be believed."""

FEWEST_JOINTS = 4
"""Joints, known in both frames, without which nothing is judged."""


@dataclass(frozen=True, slots=True)
class Swap:
    """One exchange, seen from one frame to the next."""

    frame: int
    """Frame of the skeleton, counted from 0, that is the first after it."""
    people: tuple[int, ...]
    """The body whose sides are exchanged, or the two bodies that are."""
    saved: float
    """Mean way of a joint that undoing it saves, in sizes of the body."""


def side_swaps(skeleton: Skeleton, layout: Layout) -> list[Swap]:
    """Find frames at which a body's left and right joints take each other's place.

    Only the joints of `layout.pairs` are asked, those that are known in both frames: an exchange is found where they
    move at most half as far if sides are exchanged, and far enough for that to mean something. Sides that are wrong in
    every frame move smoothly, and are not found.
    """
    if not layout.pairs:
        return []
    joints, size = _joints(skeleton), _size(skeleton)
    paired = np.array(layout.pairs).reshape(-1)
    mirrored = np.array([pair[::-1] for pair in layout.pairs]).reshape(-1)
    found = []
    for person in range(joints.shape[1]):
        before, after = joints[:-1, person], joints[1:, person]
        as_is = _way(before[:, paired], after[:, paired])
        exchanged = _way(before[:, paired], after[:, mirrored])
        found += _swaps(as_is, exchanged, size, (person,))
    return sorted(found, key=lambda swap: swap.frame)


def body_swaps(skeleton: Skeleton) -> list[Swap]:
    """Find frames at which two bodies, both there before and after, take each other's place."""
    joints, size = _joints(skeleton), _size(skeleton)
    found = []
    for one in range(joints.shape[1]):
        for other in range(one + 1, joints.shape[1]):
            pair, exchanged = [one, other], [other, one]
            before, after = joints[:-1, pair], joints[1:]
            flat = (len(before), -1, joints.shape[-1])
            as_is = _way(before.reshape(flat), after[:, pair].reshape(flat))
            crossed = _way(before.reshape(flat), after[:, exchanged].reshape(flat))
            both = np.isfinite(joints[:, pair]).all(axis=3).sum(axis=2).min(axis=1) >= FEWEST_JOINTS
            there = both[:-1] & both[1:]
            found += _swaps(np.where(there, as_is, np.nan), crossed, size, (one, other))
    return sorted(found, key=lambda swap: swap.frame)


def _swaps(as_is: Floats, exchanged: Floats, size: float, people: tuple[int, ...]) -> list[Swap]:
    """(T - 1,) mean ways of a joint, as the data has it and exchanged; NaN where nothing is known."""
    with np.errstate(invalid="ignore"):
        hit = (exchanged < SURE * as_is) & (as_is - exchanged > LEAST_STEP * size)
    return [
        Swap(int(frame) + 1, people, float((as_is - exchanged)[frame] / size))
        for frame in np.flatnonzero(hit)
    ]


def _joints(skeleton: Skeleton) -> Floats:
    """(T, M, V, axes): metres where there are any, else pixels; NaN where a joint is unknown."""
    has_metres = np.isfinite(skeleton.joints_3d).any()
    joints = skeleton.joints_3d if has_metres else skeleton.joints_2d
    return np.where((skeleton.score > 0)[..., None], joints, np.float32(np.nan))


def _size(skeleton: Skeleton) -> float:
    """Size of a body: the median over frames and bodies of its extent's diagonal; 1 where none is known."""
    joints = _joints(skeleton)
    known: NDArray[np.bool_] = np.asarray(np.isfinite(joints).all(axis=3))
    low = np.where(known[..., None], joints, np.inf).min(axis=2)
    high = np.where(known[..., None], joints, -np.inf).max(axis=2)
    enough = np.asarray(known.sum(axis=2) >= FEWEST_JOINTS)
    extents = np.linalg.norm((high - low)[enough], axis=-1)
    size = float(np.median(extents)) if len(extents) else 0.0
    return size if size > 0 else 1.0


def _way(before: Floats, after: Floats) -> Floats:
    """(T, J, axes) twice → (T,): mean way of the joints known in both; NaN of fewer than FEWEST_JOINTS."""
    ways = np.linalg.norm(after - before, axis=-1)
    known = np.isfinite(ways)
    count = known.sum(axis=1)
    total = np.where(known, ways, 0).sum(axis=1)
    return np.where(count >= FEWEST_JOINTS, total / np.maximum(count, 1), np.nan)
