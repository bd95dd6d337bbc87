"""Keypoints of any number of people in each frame, followed into one skeleton of the layout that is asked for."""

import json
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.errors import SkeletonError
from pipeline.pose.tracked import tracked_skeleton
from pipeline.pose.tracking import People, Track, TrackRule, follow
from pipeline.skeleton.layouts import BOX_4, Layout
from pipeline.values import Skeleton

Floats = NDArray[np.float64]

RULE = TrackRule(min_score=0.0)
"""Rule of `index.pose`, but for the least score: who writes keypoints has said already that somebody is there."""

BOX_RULE = replace(RULE, similarity="iou")
"""Rule for boxes: four corners spread otherwise than joints do."""

MOST_FRAMES = 100_000
"""Frame numbers from here on are no frames of one clip, an hour at 25 frames a second: something else was read."""

BROKEN = (ValueError, TypeError, KeyError, IndexError, AttributeError, OverflowError, RecursionError)
"""Errors by which JSON of another form shows."""


def read_json(path: Path, form: str) -> Any:
    """Read a JSON file. Raises SkeletonError, which says what `form` was expected."""
    try:
        return json.loads(path.read_bytes())
    except FileNotFoundError as error:
        raise SkeletonError(f"{path.name}: no such file; make it, or leave the cell empty") from error
    except BROKEN as error:
        raise SkeletonError(f"{path.name}: expected {form}, and it is no JSON ({error!s:.80})") from error


def last_number(name: str) -> int:
    """Return the last number in a name: 12 of clip_7_0012.jpg. Raises ValueError where there is none."""
    numbers = re.findall(r"\d{1,18}", name)
    if not numbers:
        raise ValueError(f"no number in the name {name!r:.80}")
    return int(numbers[-1])


def followed(
    people: Mapping[int, Sequence[Floats]], source: Layout, layout: Layout, max_persons: int, name: str
) -> tuple[Skeleton, frozenset[str]]:
    """Follow the people of all frames, and put them into slots.

    people: frame, from 0, to a (V, 3) array a person, x and y in pixels and a score, 0 where the joint is unknown;
    frames that lack show nobody. Joints are those of `source`; `layout` may leave some of them out. Scores above 1
    count 1. Raises SkeletonError, with the file's `name`, where `layout` has joints that `source` lacks, a frame has no
    possible number, nobody is there, or coordinates are no pixels.
    """
    picked = _picked(source, layout, name)
    length = _length(people, name)
    found = [_people(people.get(frame, ()), picked) for frame in range(length)]
    _refuse_normalised(found, name)
    return _in_slots(
        follow(found, BOX_RULE if layout is BOX_4 else RULE, layout), length, layout, max_persons, name
    )


def tracked(
    individuals: Sequence[Mapping[int, Floats]],
    picked: Sequence[int],
    layout: Layout,
    max_persons: int,
    name: str,
) -> tuple[Skeleton, frozenset[str]]:
    """Put people who are told apart already into slots, the surest over all frames first.

    individuals: of each, frame, from 0, to an array as in `followed`. picked: place in it of each joint of `layout`.
    Raises SkeletonError as `followed` does.
    """
    length = _length([frame for one in individuals for frame in one], name)
    tracks = []
    for one in individuals:
        track = Track()
        for frame in sorted(one):
            seen = _people([one[frame]], picked)
            if seen.score.any():
                track.add(frame, seen.joints[0], seen.score[0])
        tracks += [track] if track.frames else []
    _refuse_normalised([People(np.stack(one.joints), np.stack(one.score)) for one in tracks], name)
    ranked = sorted(tracks, key=lambda one: one.total_score, reverse=True)
    return _in_slots(ranked, length, layout, max_persons, name)


def _length(frames: Collection[int], name: str) -> int:
    """Frames of the clip, of which some show people."""
    last = max(frames, default=-1)
    if not frames or min(frames) < 0 or last >= MOST_FRAMES:
        raise SkeletonError(
            f"{name}: frames must be numbered from first_frame on, up to {MOST_FRAMES:,}; found "
            f"{f'{min(frames)} to {last} after first_frame' if frames else 'none'}: say option first_frame"
        )
    return last + 1


def _in_slots(
    ranked: Sequence[Track], length: int, layout: Layout, max_persons: int, name: str
) -> tuple[Skeleton, frozenset[str]]:
    if not ranked:
        raise SkeletonError(f"{name}: nobody is seen in any of its {length} frames")
    return tracked_skeleton(ranked, num_frames=length, max_persons=max_persons, num_joints=layout.num_joints)


def _picked(source: Layout, layout: Layout, name: str) -> list[int]:
    """The place in `source` of each joint of `layout`, by its name."""
    if lacking := [joint for joint in layout.joints if joint not in source.joints]:
        raise SkeletonError(
            f"{name}: it has the joints of {source.name}, and layout {layout.name} has {', '.join(lacking[:3])} too: "
            f"say layout: {source.name}"
        )
    return [source.joints.index(joint) for joint in layout.joints]


def _people(found: Sequence[Floats], picked: Sequence[int]) -> People:
    numbers = np.stack(found)[:, picked] if found else np.zeros((0, len(picked), 3))
    with np.errstate(over="ignore"):  # beyond float32 is unknown, as infinity is
        joints = numbers[..., :2].astype(np.float32)
    known = np.isfinite(joints).all(axis=2) & (numbers[..., 2] > 0)
    return People(
        np.where(known[..., None], joints, np.float32(np.nan)),
        np.where(known, np.clip(numbers[..., 2], 0, 1), 0).astype(np.float32),
    )


def _refuse_normalised(found: Sequence[People], name: str) -> None:
    largest = max(
        (float(np.nanmax(np.abs(one.joints), initial=0)) for one in found if len(one.joints)), default=2
    )
    if 0 < largest <= 1:
        raise SkeletonError(
            f"{name}: all coordinates lie between -1 and 1, shares of the picture; write pixels (OpenPose: without "
            "--keypoint_scale)"
        )
