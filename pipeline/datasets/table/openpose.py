"""OpenPose's JSON: a folder a clip, a file a frame, as `--write_json` writes it."""

import re
from pathlib import Path
from typing import Any

import numpy as np

from pipeline.datasets.table.keypoints import BROKEN, Floats, followed, read_json
from pipeline.errors import SkeletonError
from pipeline.skeleton.layouts import OPENPOSE_18, OPENPOSE_25, Layout
from pipeline.values import Skeleton

FILE = re.compile(r"(.*?)(\d{1,18})_keypoints\.json")
"""`clip_000000000012_keypoints.json`: what precedes the number, and the frame's number."""

FORM = "OpenPose's JSON: people, each with pose_keypoints_2d of 25 (BODY_25) or 18 (COCO) times x, y, score"

SOURCES = {3 * layout.num_joints: layout for layout in (OPENPOSE_25, OPENPOSE_18)}
"""Layout by how many numbers a person has."""

KEYS = ("pose_keypoints_2d", "pose_keypoints")
"""Entry of a person with the body's joints, now and before OpenPose 1.3."""


def openpose_files(folder: Path) -> dict[int, Path]:
    """Return the files of a folder by frame number, in their order. Raises SkeletonError for those of two clips."""
    found: dict[int, Path] = {}
    before: set[str] = set()
    for path in sorted(folder.iterdir()):
        if match := FILE.fullmatch(path.name):
            number = int(match[2])
            if number in found:
                raise SkeletonError(f"{folder.name}: {found[number].name} and {path.name} are one frame")
            found[number] = path
            before.add(match[1])
    if len(before) > 1:
        one, other = sorted(before)[:2]
        raise SkeletonError(
            f"{folder.name}: files of several clips, {one!r} and {other!r}: give each its folder"
        )
    return dict(sorted(found.items()))


def read_openpose(
    folder: Path, layout: Layout, max_persons: int, first_frame: int
) -> tuple[Skeleton, frozenset[str]]:
    """The skeleton in a folder of `…_000000000000_keypoints.json`, and its flags.

    People are followed from frame to frame; `person_id` is not read. Hands and faces are left out. Raises
    SkeletonError.
    """
    files = openpose_files(folder)
    if not files:
        raise SkeletonError(
            f"{folder.name}: no file …_keypoints.json in the folder; write it with --write_json"
        )
    people: dict[int, list[Floats]] = {}
    size = 0
    for number, path in files.items():
        people[number - first_frame] = found = _people(path)
        for person in found:
            size = size or person.size
            if person.size != size or size not in SOURCES:
                raise SkeletonError(
                    f"{path.name}: a person has {person.size} numbers"
                    + (f", others have {size}" if person.size != size else "")
                    + f"; expected {FORM}"
                )
    return followed(people, SOURCES.get(size, OPENPOSE_25), layout, max_persons, folder.name)


def _people(path: Path) -> list[Floats]:
    """(V, 3) of each person with a body."""
    document = read_json(path, FORM)
    try:
        bodies: list[Any] = [
            next(person[key] for key in KEYS if key in person) for person in document["people"]
        ]
        flat = [np.array(body, np.float64) for body in bodies if len(body)]
        return [body.reshape(-1, 3) for body in flat]
    except (*BROKEN, StopIteration) as error:
        raise SkeletonError(f"{path.name}: expected {FORM} ({error!r:.80})") from error
