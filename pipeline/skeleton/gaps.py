"""Joints that a sensor or a network lost for a while: left unknown, or interpolated between their sightings."""

from dataclasses import dataclass, replace
from typing import ClassVar, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from pipeline.errors import ParamError
from pipeline.skeleton.resampling import sightings
from pipeline.values import Skeleton

Fill = Literal["none", "joints", "bodies"]


@dataclass(frozen=True, slots=True, kw_only=True)
class GapRule:
    """Rule for what a skeleton holds where joints were lost and found again."""

    ALWAYS_IN_KEYS: ClassVar[tuple[str, ...]] = ("fill", "max_frames")

    fill: Fill = "none"
    """`none` leaves them unknown; `joints` interpolates those of a person who is seen otherwise; `bodies` also a person
    who is not seen at all."""
    max_frames: int = 15
    """Longest gap that is filled, in frames of the video; longer ones stay unknown."""

    def __post_init__(self) -> None:
        if self.fill not in get_args(Fill):
            raise ParamError(f"gaps.fill must be one of {list(get_args(Fill))}, got {self.fill!r}")
        if self.max_frames < 1:
            raise ParamError(f"gaps.max_frames must be 1 or more, got {self.max_frames}")


def fill_lost(skeleton: Skeleton, rule: GapRule) -> tuple[Skeleton, frozenset[str]]:
    """Interpolate lost joints linearly in the video's time, as `rule` says; flag `filled_joints` where there were any.

    A filled joint scores the lower of its two sightings' scores. Before its first and after its last sighting a joint
    stays unknown, and so do joints of frames that the skeleton does not have. Whoever lies in one slot counts as one
    person: a clip that is flagged `joined_bodies` must not be handed over.
    """
    if rule.fill == "none":
        return skeleton, frozenset()
    may = np.ones(skeleton.score.shape, bool) & (skeleton.present | (rule.fill == "bodies"))[..., None]
    joints_3d, new_3d = _interpolated(skeleton.joints_3d, skeleton, may, rule.max_frames)
    joints_2d, new_2d = _interpolated(skeleton.joints_2d, skeleton, may, rule.max_frames)
    if not (new_3d | new_2d).any():
        return skeleton, frozenset()
    before, after = (np.clip(place, 0, skeleton.num_frames - 1) for place in sightings(skeleton.score > 0))
    lower = np.minimum(*(np.take_along_axis(skeleton.score, place, axis=0) for place in (before, after)))
    score = np.where((new_3d | new_2d) & (skeleton.score == 0), lower, skeleton.score)
    filled = replace(skeleton, joints_3d=joints_3d, joints_2d=joints_2d, score=score)
    return filled, frozenset({"filled_joints"})


def lost_joints(skeleton: Skeleton) -> tuple[NDArray[np.bool_], NDArray[np.bool_], NDArray[np.intp]]:
    """Return where joints are known, where they are lost between two sightings, and how long: each (T, M, V).

    Lengths are in frames of the skeleton, 0 where a joint is not lost. A joint is known that has a score, and metres or
    pixels: whichever the clip has.
    """
    finite = [np.isfinite(joints).all(axis=3) for joints in (skeleton.joints_3d, skeleton.joints_2d)]
    seen = np.asarray(finite[0] | finite[1]) & (skeleton.score > 0)
    before, after = sightings(seen)
    lost = ~seen & (before >= 0) & (after < len(seen))
    return seen, lost, np.where(lost, after - before - 1, 0)


def _interpolated(
    joints: NDArray[np.float32], skeleton: Skeleton, may: NDArray[np.bool_], max_frames: int
) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """Joints (T, M, V, D) with gaps filled where they `may` be, and where they were."""
    seen = np.asarray(np.isfinite(joints).all(axis=3)) & (skeleton.score > 0)
    before, after = sightings(seen)
    inside = ~seen & may & (before >= 0) & (after < len(seen))
    low, high = np.where(inside, before, 0), np.where(inside, after, 0)
    time = skeleton.video_frame.astype(np.int64)
    fresh = inside & (time[high] - time[low] - 1 <= max_frames)
    if not fresh.any():
        return joints, fresh
    share = (time[:, None, None] - time[low]) / np.maximum(time[high] - time[low], 1)
    start, end = (np.take_along_axis(joints, place[..., None], axis=0) for place in (low, high))
    between = start + share[..., None] * (end.astype(np.float64) - start)
    return np.where(fresh[..., None], between, joints).astype(np.float32), fresh
