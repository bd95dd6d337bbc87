"""One clip's skeleton out of the people that were followed through it."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from pipeline.pose.tracking import Track
from pipeline.skeleton.slots import slots_of
from pipeline.values import Skeleton


def tracked_skeleton(
    ranked: Sequence[Track], *, num_frames: int, max_persons: int, num_joints: int
) -> tuple[Skeleton, frozenset[str]]:
    """Put tracks into slots, the first of them first; return the joints of every frame, pixels alone, and the flags.

    Flags: `nobody_found` (in any frame), `no_body_frames`, `joined_bodies` (two tracks in one slot), `third_body`
    (no slot was left for one), `nan_joints`.
    """
    places = slots_of([track.frames for track in ranked], num_frames=num_frames, max_persons=max_persons)
    slots = [[ranked[place] for place in slot] for slot in places]
    skeleton = _stacked(slots, (num_frames, max_persons, num_joints))
    seen = skeleton.present.any(axis=1)
    found = {
        "nobody_found": not seen.any(),
        "no_body_frames": not seen.all(),
        "joined_bodies": any(len(slot) > 1 for slot in slots),
        "third_body": sum(map(len, slots)) < len(ranked),
        "nan_joints": not (skeleton.score > 0)[skeleton.present].all(),
    }
    return skeleton, frozenset(flag for flag, is_found in found.items() if is_found)


def _stacked(slots: Sequence[Sequence[Track]], shape: tuple[int, int, int]) -> Skeleton:
    """(T, M, V, …) arrays; NaN and score 0 where a slot shows nobody."""
    joints = np.full((*shape, 2), np.nan, np.float32)
    score: NDArray[np.float32] = np.zeros(shape, np.float32)
    for person, slot in enumerate(slots):
        for track in slot:
            joints[track.frames, person] = np.stack(track.joints)
            score[track.frames, person] = np.stack(track.score)
    unknown = np.full((*shape, 3), np.nan, np.float32)
    return Skeleton(unknown, joints, score, np.arange(shape[0], dtype=np.int32))
