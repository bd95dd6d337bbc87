"""Bodies tracked through a recording: which of them are the people, and in which slot each lies."""

from collections.abc import Collection, Sequence
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from pipeline.datasets.ntu.body import BODY_FILTERS, NOISE_FRAMES, NOISE_SHARE, Body, BodyFilter, lying_frames
from pipeline.datasets.ntu.ctrgcn_bodies import ctrgcn_slots
from pipeline.errors import SkeletonError
from pipeline.skeleton.slots import slots_of
from pipeline.values import Skeleton

BodyRule = Literal["motion", "denoised", "ctr_gcn"]
"""`motion`: every body counts, the most moving first, by 2s-AGCN's measure. `denoised`: the same behind filters by
length and spread, with CTR-GCN's constants. `ctr_gcn`: as CTR-GCN's scripts choose and place (`ctrgcn_slots`)."""


def motion_metres(body: Body) -> float:
    """Sum of the standard deviations of x, y and z over all joints of all frames of the body.

    The energy that 2s-AGCN (ntu_gendata.py) ranks bodies by; NaN joints are left out, 0 where none is known.
    """
    known, finite = body.joints_3d.reshape(-1, 3), np.isfinite(body.joints_3d.reshape(-1, 3))
    if not finite.all():
        known = known[finite.all(axis=1)]
    return float(known.astype(np.float64).std(axis=0).sum()) if len(known) else 0.0


def without_noise(bodies: Sequence[Body], filters: Collection[BodyFilter] = BODY_FILTERS) -> list[Body]:
    """The bodies left by filters by length, then by spread; where all would go, the first that is long enough stays.

    The constants are CTR-GCN's. Its own order of things is `ctrgcn_slots`.
    """
    kept = [body for body in bodies if len(body.frames) > NOISE_FRAMES or "length" not in filters]
    if not kept or "spread" not in filters:
        return kept or list(bodies)
    upright = [body for body in kept if lying_frames(body).mean() < NOISE_SHARE]
    return upright or kept[:1]


def select_bodies(
    bodies: Sequence[Body],
    num_frames: int,
    *,
    max_persons: int,
    rule: BodyRule = "motion",
    filters: Collection[BodyFilter] = BODY_FILTERS,
    count_filters: bool = False,
) -> tuple[Skeleton, frozenset[str]]:
    """The people of a recording in `max_persons` slots, and the flags found on the way.

    Bodies come in order of falling motion (ties: of first appearance); each goes to the first slot where nobody
    lies in any of its frames: a person whom the sensor lost and found under a new id stays one person. The test is
    frame by frame: two bodies that take turns share a slot even if their spans overlap. A body that finds no slot
    is left out and flagged. Frames without a body are kept: NaN, score 0. `ctr_gcn` ranks, filters and tests by
    span as CTR-GCN's scripts do; frames and flags are kept all the same. `filters` serve both.

    Flags: `body_dropped` (a filter took one away; with `count_filters` also `short_body`, that by length, or
    `lying_body`, that by spread), `joined_bodies` (two ids in one slot), `third_body` (no slot was left for one),
    `one_body_lost` (one is missing while another is there), `no_body_frames`, `nan_joints`.
    """
    ordered = sorted(bodies, key=lambda body: int(body.frames[0]))
    if not ordered:
        raise SkeletonError(f"nobody is seen in any of the {num_frames} frames")
    kept, slots = (
        ctrgcn_slots(ordered, max_persons, filters)
        if rule == "ctr_gcn"
        else _by_motion(ordered, num_frames, max_persons, filters if rule == "denoised" else ())
    )
    seen = _seen(slots, num_frames)
    found = {
        "body_dropped": len(kept) < len(ordered),
        "joined_bodies": any(len(slot) > 1 for slot in slots),
        "third_body": len(kept) > sum(map(len, slots)),
        "one_body_lost": bool(np.any(seen.any(axis=1) & ~seen.all(axis=1))),
        "no_body_frames": not bool(np.all(seen.any(axis=1))),
        "nan_joints": any(_has_unknown(body) for slot in slots for body in slot),
        **(_taken_by(ordered, kept, filters) if count_filters else {}),
    }
    return _stack(slots, num_frames, max_persons), frozenset(flag for flag, is_so in found.items() if is_so)


def _taken_by(
    bodies: Sequence[Body], kept: Sequence[Body], filters: Collection[BodyFilter]
) -> dict[str, bool]:
    """Which filter took bodies away; that by length comes first, and takes none where it would take all."""
    short = [len(body.frames) <= NOISE_FRAMES and "length" in filters for body in bodies]
    by_length, ids = not all(short), {body.body_id for body in kept}
    gone = [by_length and one for body, one in zip(bodies, short, strict=True) if body.body_id not in ids]
    return {"short_body": any(gone), "lying_body": not all(gone)}


def _by_motion(
    bodies: Sequence[Body], num_frames: int, max_persons: int, filters: Collection[BodyFilter]
) -> tuple[Sequence[Body], list[list[Body]]]:
    """The bodies that are no noise, and those of each slot that is used, the most moving first."""
    kept = without_noise(bodies, filters) if filters and len(bodies) > 1 else bodies
    ranked = sorted(kept, key=motion_metres, reverse=True) if len(kept) > 1 else kept
    return kept, _place(ranked, num_frames, max_persons)


def _place(bodies: Sequence[Body], num_frames: int, max_persons: int) -> list[list[Body]]:
    """Bodies of each slot that is used."""
    slots = slots_of([body.frames for body in bodies], num_frames=num_frames, max_persons=max_persons)
    return [[bodies[place] for place in slot] for slot in slots]


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
