"""Normalisation of a clip's skeleton for a network: cleaned, centred, rotated, cut to length (SPEC 0.3).

There are two steps, so that training can cache the first: `normalise` gives (3, L, V, M) at the clip's own
length, `window` cuts that to T frames deterministically.
"""

from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from pipeline.errors import ParamError, SkeletonError
from pipeline.skeleton.layouts import Layout
from pipeline.skeleton.resampling import crop_resize, fill_gaps, repeat_to
from pipeline.skeleton.rotations import rotation_onto
from pipeline.values import Skeleton

Array = NDArray[np.float32]
Bools = NDArray[np.bool_]

Z, X = np.array([0.0, 0.0, 1.0]), np.array([1.0, 0.0, 0.0])


@dataclass(frozen=True, slots=True)
class SkeletonInput:
    """Rules that turn a skeleton into a network's input of (3, T, V, M)."""

    ALWAYS_IN_KEYS: ClassVar[tuple[str, ...]] = (
        "style",
        "num_frames",
        "max_persons",
        "length",
        "crop_share",
        "joints",
        "x_axis",
    )

    style: Literal["agcn", "ctr", "pyskl"] = "agcn"
    """Normalisation after 2s-AGCN, CTR-GCN or PYSKL.

    `agcn`: centre of body 0 removed in each frame, first pose turned upright (SPEC 0.3a).
    `ctr`: the first frame's centre of body 0 is the origin for all frames, nothing turned (SPEC 0.3b).
    `pyskl`: that origin, and the first pose turned upright (PYSKL's PreNormalize3D).
    """
    num_frames: int = 300
    """T, frames of the input."""
    max_persons: int = 2
    """M; clips with fewer people are padded with zeros."""
    length: Literal["repeat", "resize"] = "repeat"
    """Rule by which L frames become T.

    `repeat`: the sequence again from its start (longer ones are resized); `resize`: `crop_share` of it
    from the
    middle, then linear in time.
    """
    crop_share: float = 0.95
    """Share of the frames that `resize` keeps; CTR-GCN's test crop."""
    joints: Literal["metric", "pixels", "either"] = "either"
    """Joints to read: metric ones, pixels, or either.

    `either`: metric ones where the clip has any, else pixels, with x and y in torso lengths and the score as
    third channel.
    """
    x_axis: Literal["right_to_left", "left_to_right"] = "left_to_right"
    """Direction of the shoulders along +x, for styles `agcn` and `pyskl`.

    2s-AGCN's code (preprocess.py) turns the bone from left to right shoulder there; `right_to_left` is half a
    turn away.
    """
    gaps: Literal["fill", "mask"] = "fill"
    """Joints that are unknown while their person is there: interpolated in time, or 0, as in ST-GCN's Kinetics feeder.

    What `index.gaps` filled already is known here.
    """

    def __post_init__(self) -> None:
        if self.gaps not in ("fill", "mask"):
            raise ParamError(f"gaps must be fill or mask, got {self.gaps!r}")
        if self.num_frames < 1 or self.max_persons < 1:
            raise ParamError(f"num_frames and max_persons must be 1 or more, got {self}")
        if not 0 < self.crop_share <= 1:
            raise ParamError(f"crop_share must lie in (0, 1], got {self.crop_share}")


def normalise(skeleton: Skeleton, layout: Layout, how: SkeletonInput) -> Array:
    """Normalise a skeleton at the clip's own length L: (3, L, V, M) float32; 0 where a person or joint is unknown.

    Frames before the first and after the last that show anybody are dropped; frames between them stay,
    empty or not, so that time does not shift. A joint lost for a while is interpolated linearly in time, or stays 0
    (`how.gaps`); a person lost for a while stays absent.
    """
    if skeleton.score.shape[2] != layout.num_joints:
        raise SkeletonError(
            f"layout {layout.name} has {layout.num_joints} joints, got {skeleton.score.shape[2]}"
        )
    if how.joints == "pixels" or (how.joints == "either" and not _has_joints(skeleton.joints_3d, skeleton)):
        joints, known = _cleaned(skeleton.joints_2d, skeleton, how)
        moved = _from_pixels(joints, known, _cleaned_score(skeleton, known), layout, how)
    else:
        joints, known = _cleaned(skeleton.joints_3d, skeleton, how)
        moved = _from_metres(joints, known, layout, how)
    moved *= known[..., None]
    return np.ascontiguousarray(moved.transpose(3, 0, 2, 1), dtype=np.float32)


def window(base: Array, how: SkeletonInput) -> Array:
    """Cut or pad (3, L, V, M) to (3, T, V, M), deterministically."""
    length = base.shape[1]
    if how.length == "repeat":
        return (
            repeat_to(base, how.num_frames)
            if length <= how.num_frames
            else crop_resize(base, 0, length, how.num_frames)
        )
    bias = int((1 - how.crop_share) * length / 2)
    return crop_resize(base, bias, length - bias, how.num_frames)


def _has_joints(joints: Array, skeleton: Skeleton) -> bool:
    return bool(np.any(_finite(joints) & skeleton.present[..., None]))


def _finite(joints: Array) -> Bools:
    """(T, M, V): whether all coordinates are; a few times as fast as NumPy's `all` along so short an axis."""
    finite = np.isfinite(joints)
    return np.asarray(np.logical_and.reduce([finite[..., axis] for axis in range(joints.shape[3])]))


def _span(skeleton: Skeleton, seen: Bools) -> slice:
    """From the first frame with anybody to the last."""
    frames = np.flatnonzero(seen.any(axis=(1, 2)))
    if not len(frames):
        raise SkeletonError(f"no joint is known in any of {skeleton.num_frames} frames: leave the clip out")
    return slice(int(frames[0]), int(frames[-1]) + 1)


def _cleaned(joints: Array, skeleton: Skeleton, how: SkeletonInput) -> tuple[NDArray[np.float64], Bools]:
    """(L, M, V, D) joints without NaN, and (L, M, V) where they are known, gaps as `how` says; M = max_persons."""
    max_persons = how.max_persons
    joints = joints[:, :max_persons]
    seen = _finite(joints) & skeleton.present[:, :max_persons, None]
    span = _span(skeleton, seen)
    if how.gaps == "mask":
        filled, known = np.where(seen[span][..., None], joints[span], np.float64(0)), seen[span]
    else:
        filled, known = fill_gaps(joints[span], seen[span], skeleton.present[span, :max_persons])
    missing = max_persons - joints.shape[1]
    if not missing:
        return filled, known
    people = ((0, 0), (0, missing), (0, 0))
    return np.pad(filled, (*people, (0, 0))), np.pad(known, people)


def _cleaned_score(skeleton: Skeleton, known: Bools) -> NDArray[np.float64]:
    """(L, M, V): the score of the frames that `_cleaned` kept."""
    persons = min(known.shape[1], skeleton.score.shape[1])
    seen = _finite(skeleton.joints_2d[:, :persons]) & skeleton.present[:, :persons, None]
    score = np.zeros(known.shape)
    score[:, :persons] = skeleton.score[_span(skeleton, seen), :persons]
    return score


def _from_metres(
    joints: NDArray[np.float64], known: Bools, layout: Layout, how: SkeletonInput
) -> NDArray[np.float64]:
    """Moved to the centre, and but for `ctr` style turned upright. (L, M, V, 3) in metres."""
    moved = joints - _origin(joints, known, layout, how)[:, None, None]
    if how.style == "ctr":
        return moved
    lead = _lead(known)
    hips, above = layout.spine
    moved = moved @ rotation_onto(_first_bone(moved[:, lead], known[:, lead], hips, above), Z).T
    start, end = layout.shoulders if how.x_axis == "right_to_left" else layout.shoulders[::-1]
    across = _first_bone(moved[:, lead], known[:, lead], (start,), (end,))
    return np.asarray(moved @ rotation_onto(across, X).T)


def _from_pixels(
    joints: NDArray[np.float64], known: Bools, score: NDArray[np.float64], layout: Layout, how: SkeletonInput
) -> NDArray[np.float64]:
    """(L, M, V, 3): x to the right and y down from the centre, in torso lengths, and the score."""
    moved = joints - _origin(joints, known, layout, how)[:, None, None]
    return np.concatenate([moved / _torso(joints, known, layout), score[..., None]], axis=3)


def _lead(known: Bools) -> int:
    """Body 0, or the first body that is ever there."""
    return int(np.argmax(known.any(axis=(0, 2))))


def _origin(
    joints: NDArray[np.float64], known: Bools, layout: Layout, how: SkeletonInput
) -> NDArray[np.float64]:
    """(L, D): the lead body's centre joint; in styles `ctr` and `pyskl` that of its first frame, throughout.

    Where the lead body is away its centre is interpolated in time; where the centre joint is never
    known, the mean of the joints that are stands in.
    """
    lead = _lead(known)
    body, seen = joints[:, lead], known[:, lead]
    if seen[:, layout.centre].any():
        there, centre = seen[:, layout.centre], body[:, layout.centre]
    else:
        there = np.asarray(seen.any(axis=1))
        centre = (body * seen[..., None]).sum(axis=1) / np.maximum(seen.sum(axis=1), 1)[:, None]
    if how.style != "agcn":
        return np.broadcast_to(centre[np.argmax(there)], centre.shape)
    everywhere = np.ones((len(there), 1, 1), dtype=bool)
    filled, _ = fill_gaps(centre[:, None, None], there[:, None, None], everywhere[..., 0])
    return np.asarray(filled[:, 0, 0])


def _first_bone(
    body: NDArray[np.float64], known: Bools, start: tuple[int, ...], end: tuple[int, ...]
) -> NDArray[np.float64]:
    """(3,): from the mean of joints `start` to that of `end` in the first frame that knows all; else zeros."""
    whole = np.asarray(known[:, [*start, *end]].all(axis=1))
    frame = int(np.argmax(whole))
    bone = body[frame, list(end)].mean(axis=0) - body[frame, list(start)].mean(axis=0)
    return np.asarray(bone * whole[frame])


def _torso(joints: NDArray[np.float64], known: Bools, layout: Layout) -> float:
    """Pixels from hips to shoulders of the lead body (median over frames), else half its box's height."""
    lead = _lead(known)
    body, seen = joints[:, lead], known[:, lead]
    hips, shoulders = list(layout.spine[0]), list(layout.shoulders)
    whole = seen[:, [*hips, *shoulders]].all(axis=1)
    if layout.num_joints > 1 and whole.any():
        trunk = body[whole][:, shoulders].mean(axis=1) - body[whole][:, hips].mean(axis=1)
        size = float(np.median(np.linalg.norm(trunk, axis=1)))
    else:
        size = 0.5 * float(np.ptp(body[..., 1][seen]))
    return size if size > 0 else 1.0
