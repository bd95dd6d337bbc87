"""Bodies tracked through a recording: which of them are the people, and in which slot each lies."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from pipeline.errors import SkeletonError
from pipeline.values import Skeleton

BodyRule = Literal["motion", "denoised"]
"""`motion`: every body counts, the most moving first (2s-AGCN). `denoised`: CTR-GCN's filters before that."""

NOISE_FRAMES = 11
"""A body seen in this many frames or fewer is noise (CTR-GCN, get_raw_denoised_data.py)."""

NOISE_SPREAD = 0.8
"""A body wider than this share of its height is not standing there in that frame (CTR-GCN)."""

NOISE_SHARE = 0.69754
"""A body with such frames in at least this share of its frames is noise (CTR-GCN)."""


@dataclass(frozen=True, slots=True)
class Body:
    """One tracked body: the frames that it is seen in, and its joints in them. F frames, V joints."""

    body_id: int
    """As the sensor numbers it; NTU's ids need 57 bits, more than a float64 holds."""

    frames: NDArray[np.int32]
    """(F,): rises strictly; gaps where the body was lost."""

    joints_3d: NDArray[np.float32]
    """(F, V, 3): metres in the camera's frame; NaN where a joint is unknown."""

    joints_2d: NDArray[np.float32]
    """(F, V, 2): x and y in pixels of the video's frame; NaN where a joint is unknown."""

    score: NDArray[np.float32]
    """(F, V): confidence in [0, 1]."""

    def __post_init__(self) -> None:
        if self.score.ndim != 2 or 0 in self.score.shape or self.frames.shape != self.score.shape[:1]:
            raise SkeletonError(
                f"body {self.body_id}: score must be (F, V), none 0, and frames (F,), "
                f"got {self.score.shape} and {self.frames.shape}"
            )
        for name, joints, axes in (("joints_3d", self.joints_3d, 3), ("joints_2d", self.joints_2d, 2)):
            if joints.shape != (*self.score.shape, axes):
                raise SkeletonError(
                    f"body {self.body_id}: {name} must be {(*self.score.shape, axes)}, got {joints.shape}"
                )


def motion_metres(body: Body) -> float:
    """Sum of the standard deviations of x, y and z over all joints of all frames of the body.

    The energy that 2s-AGCN (ntu_gendata.py) ranks bodies by; NaN joints are left out, 0 where none is known.
    """
    known = body.joints_3d[np.isfinite(body.joints_3d).all(axis=2)].astype(np.float64)
    return float(known.std(axis=0).sum()) if len(known) else 0.0


def without_noise(bodies: Sequence[Body]) -> list[Body]:
    """The bodies that CTR-GCN's filters keep: by length, then by spread; the last one always stays.

    Its third filter, by motion, is in its code but never called, so not here either.
    """
    kept = [body for body in bodies if len(body.frames) > NOISE_FRAMES]
    if not kept:
        return list(bodies)
    upright = [body for body in kept if _lying_share(body) < NOISE_SHARE]
    return upright or kept[:1]


def select_bodies(
    bodies: Sequence[Body], num_frames: int, *, max_persons: int, rule: BodyRule = "motion"
) -> tuple[Skeleton, frozenset[str]]:
    """The people of a recording in `max_persons` slots, and the flags found on the way.

    Bodies come in order of falling motion (ties: of first appearance); each goes to the first slot where
    nobody lies in any of its frames: a person whom the sensor lost and found under a new id stays one person.
    The test is frame by frame: two bodies that take turns share a slot even if their spans overlap. A body
    that finds no slot is left out and flagged. Frames without a body are kept: NaN, score 0.

    Flags: `body_dropped` (a filter took one away), `joined_bodies` (two ids in one slot), `third_body` (no
    slot was left for one), `one_body_lost` (one is missing while another is there), `no_body_frames`,
    `nan_joints`.
    """
    ordered = sorted(bodies, key=lambda body: int(body.frames[0]))
    kept = without_noise(ordered) if rule == "denoised" and len(ordered) > 1 else ordered
    slots, left_out = _place(sorted(kept, key=motion_metres, reverse=True), num_frames, max_persons)
    if not slots:
        raise SkeletonError(f"nobody is seen in any of the {num_frames} frames")
    skeleton = _stack(slots, num_frames, max_persons)
    seen = _seen(slots, num_frames)
    found = {
        "body_dropped": len(kept) < len(ordered),
        "joined_bodies": any(len(slot) > 1 for slot in slots),
        "third_body": left_out > 0,
        "one_body_lost": bool(np.any(seen.any(axis=1) & ~seen.all(axis=1))),
        "no_body_frames": not bool(np.all(seen.any(axis=1))),
        "nan_joints": any(_has_unknown(body) for slot in slots for body in slot),
    }
    return skeleton, frozenset(flag for flag, is_found in found.items() if is_found)


def _lying_share(body: Body) -> float:
    """Share of the frames in which the body is wider than NOISE_SPREAD of its height, NaN joints aside."""
    known = np.isfinite(body.joints_3d).all(axis=2, keepdims=True)
    low = np.where(known, body.joints_3d, np.inf).min(axis=1)
    high = np.where(known, body.joints_3d, -np.inf).max(axis=1)
    size = np.asarray(high - low)
    return float(np.mean(size[:, 0] > NOISE_SPREAD * size[:, 1]))


def _place(bodies: Sequence[Body], num_frames: int, max_persons: int) -> tuple[list[list[Body]], int]:
    """Bodies of each slot that is used, and how many found none."""
    taken = np.zeros((max_persons, num_frames), dtype=bool)
    slots: list[list[Body]] = [[] for _ in range(max_persons)]
    left_out = 0
    for body in bodies:
        free = np.flatnonzero(~taken[:, body.frames].any(axis=1))
        if len(free) == 0:
            left_out += 1
            continue
        taken[free[0], body.frames] = True
        slots[free[0]].append(body)
    return [slot for slot in slots if slot], left_out


def _stack(slots: Sequence[Sequence[Body]], num_frames: int, max_persons: int) -> Skeleton:
    """(T, M, ...) arrays of the slots' bodies; NaN and score 0 where a slot shows nobody."""
    shape = (num_frames, max_persons, slots[0][0].score.shape[1])
    joints_3d = np.full((*shape, 3), np.nan, dtype=np.float32)
    joints_2d = np.full((*shape, 2), np.nan, dtype=np.float32)
    score = np.zeros(shape, dtype=np.float32)
    for person, slot in enumerate(slots):
        for body in slot:
            joints_3d[body.frames, person] = body.joints_3d
            joints_2d[body.frames, person] = body.joints_2d
            score[body.frames, person] = body.score
    return Skeleton(joints_3d, joints_2d, score, np.arange(num_frames, dtype=np.int32))


def _seen(slots: Sequence[Sequence[Body]], num_frames: int) -> NDArray[np.bool_]:
    """(T, slots used): whether the slot's body is seen in the frame."""
    seen = np.zeros((num_frames, len(slots)), dtype=bool)
    for person, slot in enumerate(slots):
        for body in slot:
            seen[body.frames, person] = True
    return seen


def _has_unknown(body: Body) -> bool:
    """Whether any number of any joint is NaN."""
    return not (np.isfinite(body.joints_3d).all() and np.isfinite(body.joints_2d).all())
