"""Skeletons of Northwestern-UCLA: one JSON file a clip as CTR-GCN's readers take it, or one text file a frame."""

import json
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pipeline.datasets.people import people_skeleton, without_zeros
from pipeline.errors import SkeletonError
from pipeline.skeleton.layouts import NW_UCLA_20
from pipeline.values import Skeleton

NUM_JOINTS = NW_UCLA_20.num_joints
BODY_LINES = 1 + NUM_JOINTS
"""Lines for each body of a frame's text file: its number, then a joint a line."""

Joints = NDArray[np.float64]


def read_json(path: Path) -> tuple[Skeleton, frozenset[str]]:
    """The person in `all_sqe/a01_s01_e00_v01.json`: its entry `skeletons` is (T, 20, 3) metres; no pixels."""
    try:
        joints = np.array(json.loads(path.read_bytes())["skeletons"], dtype=np.float64)
    except FileNotFoundError as error:
        raise SkeletonError(f"{path.name}: no such file; fetch it again, or drop the clip") from error
    except (ValueError, TypeError, KeyError, IndexError, OverflowError, RecursionError) as error:
        raise SkeletonError(
            f"{path.name}: expected JSON with 'skeletons', {NUM_JOINTS} joints of x, y, z in each frame; fetch it "
            f"again ({error!r:.120})"
        ) from error
    if joints.ndim != 3 or joints.shape[1:] != (NUM_JOINTS, 3) or len(joints) == 0:
        raise SkeletonError(f"{path.name}: skeletons must be (T, {NUM_JOINTS}, 3), got {joints.shape}")
    return people_skeleton({"joints_3d": without_zeros(joints)[:, None]}, path.name)


def read_frames(files: Mapping[int, Path], name: str) -> tuple[Skeleton, frozenset[str]]:
    """The person in a folder's text files, by the place of each one's frame: 0, 1, … up to the last, none skipped.

    Where several bodies are seen, the one in most frames is the person; of two, the nearer. `third_body` tells so.
    """
    bodies: dict[str, dict[int, Joints]] = defaultdict(dict)
    for place, path in files.items():
        for body_id, joints in bodies_of(_text(path), path.name):
            bodies[body_id].setdefault(place, joints)
    if not bodies:
        raise SkeletonError(f"{name}: nobody is seen in any of its {len(files)} frames")
    frames = Counter({body_id: len(seen) for body_id, seen in bodies.items()})
    person = min(bodies, key=lambda body_id: (-frames[body_id], _distance(list(bodies[body_id].values()))))
    joints = np.full((max(files) + 1, 1, NUM_JOINTS, 3), np.nan)
    for place, found in bodies[person].items():
        joints[place, 0] = found
    skeleton, flags = people_skeleton({"joints_3d": joints}, name)
    return skeleton, flags | ({"third_body"} if len(bodies) > 1 else set())


def bodies_of(text: str, name: str) -> list[tuple[str, Joints]]:
    """Number and joints, (20, 3) metres, of each body in a frame's text; none where it is empty.

    A body is a line with its number first, then twenty of "x,y,z,…"; what stands behind z is not read. Raises
    SkeletonError.
    """
    lines = [line for line in text.splitlines() if line.strip()]
    if len(lines) % BODY_LINES:
        raise SkeletonError(
            f"{name}: expected {BODY_LINES} lines a body, its number and {NUM_JOINTS} joints, got {len(lines)} lines; "
            "fetch it again"
        )
    return [
        (
            lines[first].partition(",")[0].strip(),
            without_zeros(np.array([_joint(line, name) for line in lines[first + 1 : first + BODY_LINES]])),
        )
        for first in range(0, len(lines), BODY_LINES)
    ]


def _joint(line: str, name: str) -> tuple[float, ...]:
    try:
        x, y, z = (float(field) for field in line.split(",")[:3])
    except ValueError as error:
        raise SkeletonError(
            f"{name}: expected a joint as x,y,z,…, got {line!r:.60}; fetch it again"
        ) from error
    return x, y, z


def _distance(frames: Sequence[Joints]) -> float:
    """Mean metres from the camera; far where no joint is known."""
    depth = np.stack(frames)[..., 2]
    return float(np.nanmean(depth)) if np.isfinite(depth).any() else np.inf


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="ascii", errors="replace")
    except FileNotFoundError as error:
        raise SkeletonError(f"{path.name}: no such file; fetch it again, or drop the clip") from error
